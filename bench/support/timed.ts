import { spawn } from 'node:child_process';

export interface Timed {
  /** Seconds. */
  wall: number;
  /** Seconds of CPU time, of the process and those it waited for. */
  cpu: number;
  /** MB, of a Node process that was asked for it. */
  peak: number;
  output: string;
}

/** Makes a Node program tell its peak memory when it ends. */
export const TELLS_PEAK =
  "--import=data:text/javascript,process.on('exit',()=>process.stderr.write('PEAK '+process.resourceUsage().maxRSS+'\\n'))";

/** Runs a program to its end and measures it from outside. @throws Error when it fails */
export async function timed(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Timed> {
  const script = 'TIMEFORMAT="TIMES %R %U %S"; time "$@"';
  const child = spawn('bash', ['-c', script, 'timed', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  const times = /TIMES ([\d.]+) ([\d.]+) ([\d.]+)/.exec(errors);
  if (code !== 0 || !times)
    throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}\n${errors}`);
  const [wall, user, system] = times.slice(1).map(Number) as [number, number, number];
  return { wall, cpu: user + system, peak: Number(/PEAK (\d+)/.exec(errors)?.[1] ?? 0) / 1024, output };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
