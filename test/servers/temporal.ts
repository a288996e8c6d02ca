/** Settings of a Temporal server in one process, on SQLite. */

/**
 * @param ports frontend, matching, history, worker (gRPC), the same four for membership, and HTTP
 * @param file the database, made when it is not there; in memory when not given
 */
export function temporalSettings(ports: number[], file?: string): string {
  const [frontend, matching, history, worker, frontendRing, matchingRing, historyRing, workerRing, http] =
    ports;
  const sqlite = {
    sql: {
      pluginName: 'sqlite',
      databaseName: file ?? 'default',
      connectAddr: 'localhost',
      connectProtocol: 'tcp',
      connectAttributes:
        file === undefined
          ? { mode: 'memory', cache: 'private' }
          : { mode: 'rwc', setup: 'true', journal_mode: 'wal' },
      maxConns: 1,
      maxIdleConns: 1,
      maxConnLifetime: '1h',
    },
  };
  const rpc = (grpcPort?: number, membershipPort?: number, httpPort?: number) => ({
    rpc: { grpcPort, membershipPort, httpPort, bindOnLocalHost: true },
  });
  const disabled = { state: 'disabled' };
  // JSON is YAML.
  return JSON.stringify({
    log: { stdout: true, level: 'warn' },
    persistence: {
      numHistoryShards: 1,
      defaultStore: 'sqlite-default',
      visibilityStore: 'sqlite-visibility',
      datastores: { 'sqlite-default': sqlite, 'sqlite-visibility': sqlite },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' }, pprof: { port: 0 } },
    services: {
      frontend: rpc(frontend, frontendRing, http),
      matching: rpc(matching, matchingRing),
      history: rpc(history, historyRing),
      worker: rpc(worker, workerRing),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `localhost:${frontend}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    archival: { history: disabled, visibility: disabled },
    namespaceDefaults: { archival: { history: disabled, visibility: disabled } },
    publicClient: { hostPort: `127.0.0.1:${frontend}` },
  });
}
