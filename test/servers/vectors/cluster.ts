/** A Weaviate cluster on 127.0.0.1: every node has ports of its own and keeps its data when it is ended. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startWeaviate, type WeaviateServer } from '../harness.ts';
import { freePorts } from '../process.ts';

export interface WeaviateCluster {
  nodes: WeaviateServer[];
  /** Ends a node at once, by SIGKILL. */
  kill(index: number): Promise<void>;
  /** Starts a node that was killed again, on the data it had. */
  restart(index: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster(count: number): Promise<WeaviateCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cluster-'));
  // A node takes the port of another's data to be the one after that of its gossip.
  const [gossip, raft] = [await freePairs(count), await freePairs(count)];
  const indexes = Array.from({ length: count }, (_, i) => i);
  const start = (i: number): Promise<WeaviateServer> =>
    startWeaviate({
      PERSISTENCE_DATA_PATH: join(folder, `node${i + 1}`),
      CLUSTER_HOSTNAME: `node${i + 1}`,
      CLUSTER_IN_LOCALHOST: 'true',
      CLUSTER_GOSSIP_BIND_PORT: String(gossip[i]),
      CLUSTER_DATA_BIND_PORT: String(gossip[i]! + 1),
      // The first one is there before the others, which join it.
      ...(i === 0 ? {} : { CLUSTER_JOIN: `127.0.0.1:${gossip[0]}` }),
      RAFT_PORT: String(raft[i]),
      RAFT_INTERNAL_RPC_PORT: String(raft[i]! + 1),
      RAFT_JOIN: indexes.map((each) => `node${each + 1}:${raft[each]}`).join(','),
      RAFT_BOOTSTRAP_EXPECT: String(count),
      PERSISTENCE_MEMTABLES_FLUSH_DIRTY_AFTER_SECONDS: '1',
    });
  const starting = [start(0)];
  while (await isFree(gossip[0]!)) await sleep(50);
  for (const i of indexes.slice(1)) starting.push(start(i));
  const started = await Promise.allSettled(starting);
  const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = started.find((each) => each.status === 'rejected');
  if (failed) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw failed.reason;
  }
  return {
    nodes,
    async kill(index) {
      process.kill(nodes[index]!.pid, 'SIGKILL');
      await nodes[index]!.stop();
    },
    async restart(index) {
      nodes[index] = await start(index);
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Ports that are free together with the one after them. */
async function freePairs(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const [port] = await freePorts(1);
    if (!found.some((each) => Math.abs(each - port!) < 2) && (await isFree(port! + 1))) found.push(port!);
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
