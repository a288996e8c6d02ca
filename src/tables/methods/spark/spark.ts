import { spawn } from 'node:child_process';
import { SluiceError } from '../../../base/errors.ts';
import type { Method } from '../../method.ts';
import { clonePath, cloneResult, SOURCE_TEMPLATE } from '../clone-result.ts';

export interface SparkSettings {
  /** The program and its first arguments; `--source URI --target URI` are added. */
  command: readonly string[];
  /** Where Spark finds the table: `{repository}`, `{commit}` and `{path}` are replaced. */
  sourceTemplate?: string;
  /** Milliseconds. */
  timeout?: number;
}

const HOUR = 3_600_000;
const KEPT = 64 << 10;

/** A shallow clone by open-source Spark: a command, here or by way of ssh on another machine. */
export function sparkMethod(settings: SparkSettings): Method {
  return {
    name: 'spark',
    async export(request, context) {
      const source = clonePath(settings.sourceTemplate ?? SOURCE_TEMPLATE, request);
      await run(settings, ['--source', source, '--target', request.target.uri], context.signal);
      return await cloneResult('spark', request, {}, context);
    },
  };
}

async function run(settings: SparkSettings, more: string[], signal: AbortSignal): Promise<void> {
  const [program, ...first] = settings.command;
  const timeout = settings.timeout ?? HOUR;
  const late = AbortSignal.timeout(timeout);
  const child = spawn(program!, [...first, ...more], {
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: AbortSignal.any([signal, late]),
  });
  // Spark says much; only the end of it can be why it failed.
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT);
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code === 0) return;
    throw new SluiceError('UNAVAILABLE', `${program} ended with ${code}: ${reason(said)}`, {
      retryable: false,
    });
  } catch (error) {
    if (error instanceof SluiceError || signal.aborted) throw error;
    if (late.aborted) {
      throw new SluiceError(
        'TIMEOUT',
        `${program} did not end within ${Math.round(timeout / 1000)} s and was stopped.`,
        {
          retryable: false,
        },
      );
    }
    throw new SluiceError('BAD_CONFIG', `${program} cannot be run: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** What the JVM threw, else the last exception of Python's, else the last line. */
function reason(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  const thrown =
    lines.findLast((line) => /^: [\w.$]+(Error|Exception)\b/.test(line)) ??
    lines.findLast((line) => /^[\w.]+(Error|Exception)\b/.test(line));
  return thrown?.replace(/^: /, '') ?? lines.at(-1) ?? 'it said nothing';
}
