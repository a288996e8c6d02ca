import { once } from 'node:events';
import type { Json } from '../base/json.ts';
import { screen } from './screen.ts';

export type ProgressMode = 'line' | 'log' | 'json' | 'none';

/** Where a command's words go: results to standard output, all else to standard error. */
export interface Output {
  /** Results as JSON lines instead of text. */
  readonly json: boolean;
  readonly quiet: boolean;
  readonly color: boolean;
  readonly progress: ProgressMode;
  /** A result: the value for programs with --json, the text for people without. */
  result(value: Json, text: () => string): void;
  /** Waits, where it must, until the reader of standard output has taken enough that more may be written. */
  drained(): Promise<void> | undefined;
  /** A remark for people; not with --json or --quiet. */
  note(text: string): void;
}

export function makeOutput(options: {
  json?: boolean;
  quiet?: boolean;
  color?: boolean;
  progress?: string;
}): Output {
  const json = options.json === true;
  const quiet = options.quiet === true;
  const terminal = process.stderr.isTTY === true;
  const asked = options.progress ?? 'auto';
  const automatic: ProgressMode = quiet ? 'none' : json ? 'json' : terminal ? 'line' : 'log';
  return {
    json,
    quiet,
    // https://no-color.org
    color: options.color !== false && !process.env.NO_COLOR && terminal,
    progress: asked === 'auto' ? automatic : (asked as ProgressMode),
    result(value, text) {
      const line = json ? JSON.stringify(value) : text();
      if (line !== '') process.stdout.write(line.endsWith('\n') ? line : `${line}\n`);
    },
    drained() {
      if (!process.stdout.writableNeedDrain) return undefined;
      return once(process.stdout, 'drain').then(() => undefined);
    },
    note(text) {
      if (!json && !quiet) screen.print(text);
    },
  };
}
