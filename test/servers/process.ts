/** Runs a server as a child on 127.0.0.1 that ends with the test process, however that ends. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  pid: number;
  /** The server's own folder, removed with it. */
  folder: string;
  log(): string;
  /** Ends the server, by its own pid, and removes its folder. */
  stop(): Promise<void>;
}

export interface Launch {
  name: string;
  command: string;
  args: (folder: string) => string[];
  env?: (folder: string) => Record<string, string>;
  prepare?: (folder: string) => void;
  /** True once requests are answered; throwing means not yet. */
  ready: () => Promise<boolean>;
  /** Milliseconds; 60 s when not given. */
  patience?: number;
}

/*
 * Between the test and the server stands a shell that reads the test's end of a pipe: when the test process
 * goes, even by SIGKILL, the pipe closes, and the shell ends the server and clears its folder.
 */
const GUARD = `
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- & server=$!
echo $server > "$folder/pid"
(read -r _ <&3
 : > "$folder/told"
 kill "$server" 2>/dev/null
 for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$server" 2>/dev/null || break; sleep 0.3; done
 kill -9 "$server" 2>/dev/null) & watch=$!
wait "$server"; code=$?
kill "$watch" 2>/dev/null
rm -rf "$folder/data"
[ -e "$folder/told" ] && rm -rf "$folder"
exit $code`;

/** Starts the server and waits until it is ready. @throws Error with the end of its log */
export async function launch(server: Launch): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), `sluice-${server.name}-`));
  const data = join(folder, 'data');
  const logPath = join(folder, 'log');
  const output = openSync(logPath, 'w');
  try {
    mkdirSync(data);
    server.prepare?.(data);
    const child = spawn('/bin/sh', ['-c', GUARD, server.name, folder, server.command, ...server.args(data)], {
      stdio: ['pipe', output, output],
      env: { ...process.env, ...server.env?.(data) },
      cwd: data,
      detached: true,
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    let exited = false;
    void ended.then(() => {
      exited = true;
    });
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    child.stdin!.on('error', () => undefined);
    const log = () => readFileSync(logPath, 'utf8');
    const stop = async () => {
      child.ref();
      child.stdin!.end();
      await ended;
      await rm(folder, { recursive: true, force: true });
    };
    const until = Date.now() + (server.patience ?? 60_000);
    while (!(await server.ready().catch(() => false))) {
      if (exited || Date.now() > until) {
        const why = exited ? 'ended' : 'did not get ready';
        const tail = log().slice(-3000);
        await stop();
        throw new Error(`${server.name} ${why}:\n${tail}`);
      }
      await sleep(50);
    }
    return { pid: Number(readFileSync(join(folder, 'pid'), 'utf8')), folder: data, log, stop };
  } finally {
    closeSync(output);
  }
}

/** Ports of 127.0.0.1 that are free now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether this address answers with a status below 400. */
export async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await response.body?.cancel();
  return response.ok;
}
