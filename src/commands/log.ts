import { printable } from '../base/format.ts';
import type { LogLevel } from '../config/levels.ts';
import type { Log } from '../jobs/kind.ts';
import { screen } from './screen.ts';

/** A log on standard error: JSON lines, or lines for people on a terminal. */
export async function makeLog(level: LogLevel): Promise<Log> {
  const { pino } = await import('pino');
  const terminal = process.stderr.isTTY === true;
  const logger = pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => screen.print(terminal ? forPeople(line) : line.trimEnd()) },
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

const LEVELS: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

function forPeople(line: string): string {
  const { level, time, msg, stack, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const shown = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const text = `${String(time).slice(11, 19)} ${LEVELS[level as number]} ${String(msg)}${shown.join('')}`;
  return stack === undefined ? printable(text) : `${printable(text)}\n${String(stack)}`;
}
