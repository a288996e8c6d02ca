import { createRequire } from 'node:module';
import type { Logger } from 'pino';
import { printable } from '../base/format.ts';
import { LOG_LEVELS, type LogLevel } from '../config/levels.ts';
import type { Log } from '../jobs/kind.ts';
import { screen } from './screen.ts';

const require = createRequire(`${import.meta.dirname}/`);

/**
 * A log on standard error: JSON lines, or lines for people on a terminal. What writes it is loaded with the first line
 * there is to write: most commands have none, and would wait for it at their start.
 */
export function makeLog(level: LogLevel): Log {
  let logger: Logger | undefined;
  const writer =
    (lineLevel: 'debug' | 'info' | 'warn' | 'error'): Log['info'] =>
    (fields, message) => {
      if (LOG_LEVELS.indexOf(lineLevel) < LOG_LEVELS.indexOf(level)) return;
      logger ??= openLogger(level);
      logger[lineLevel](fields, message);
    };
  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
}

function openLogger(level: LogLevel): Logger {
  const { pino } = require('pino') as typeof import('pino');
  const terminal = process.stderr.isTTY === true;
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => screen.print(terminal ? forPeople(line) : line.trimEnd()) },
  );
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
