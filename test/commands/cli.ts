import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../src/main.ts');

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts the real command line, away from the user's own configuration and state. */
export function startCli(args: string[], home: string, env: Record<string, string> = {}): ChildProcess {
  const { PATH = '' } = process.env;
  return spawn(process.execPath, [main, ...args], {
    cwd: home,
    env: { PATH, HOME: home, SLUICE_STATE: join(home, 'state'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs the real command line to its end. */
export async function cli(args: string[], home: string, env?: Record<string, string>): Promise<Ran> {
  const child = startCli(args, home, env);
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}
