import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MeasuredService {
  /** http://host:port */
  readonly url: string;
  /** Seconds of CPU time that the service has taken, with all of its threads. */
  cpu(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts the service as it is installed, from dist/, in a process of its own. `settings` are those of sluice.yaml. */
export async function startService(folder: string, settings: string): Promise<MeasuredService> {
  const config = join(folder, 'sluice.yaml');
  writeFileSync(config, settings);
  const main = join(import.meta.dirname, '../../bin/sluice.cjs');
  const child = spawn(process.execPath, [main, '--config', config, 'serve'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const url = await said(child, /listens on (\S+)\n/);
  return {
    url,
    async cpu() {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      return Number(/^process_cpu_seconds_total (\S+)/m.exec(metrics)![1]);
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.stderr!.on('data', (chunk) => {
      text += chunk;
      const found = pattern.exec(text);
      if (found) resolve(found[1]!);
    });
    child.on('exit', () => reject(new Error(`The service ended: ${text}`)));
  });
}
