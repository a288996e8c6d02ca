import type { Command } from 'commander';
import { isError, SluiceError } from '../base/errors.ts';
import { formatBytes, formatTime, printable } from '../base/format.ts';
import { asFolder } from '../base/keys.ts';
import type { Location } from '../stores/open.ts';
import type { ObjectInfo } from '../stores/store.ts';
import type { Output } from './output.ts';
import { runs } from './session.ts';

interface LsOptions {
  recursive?: boolean;
  long?: boolean;
  bytes?: boolean;
  connection?: string;
}

export function define(command: Command): void {
  command
    .argument(
      '<uri>',
      'a store and a folder or prefix in it, such as s3://bucket/folder/ or lakefs://repo/main/',
    )
    .option('-r, --recursive', 'all objects below, not only the next level')
    .option('-l, --long', 'with size and time of the last change')
    .option('-b, --bytes', 'sizes in bytes')
    .option('--connection <name>', 'the connection to open it with')
    .addHelpText(
      'after',
      `
Examples:
  sluice ls lakefs://repo/main/
  sluice ls -rl s3://bucket/exports/
  sluice ls ./folder --json`,
    )
    .action(
      runs<LsOptions>(async (session, [uri], options) => {
        const { output, signal } = session;
        const { open } = await session.app();
        const location = await open(uri!, { connection: options.connection });
        let printed = 0;
        for await (const line of entries(location, options, signal)) {
          print(line, options, output);
          printed++;
        }
        if (printed > 0) return;
        if (location.path === '') {
          output.note(`${uri} is empty.`);
          return;
        }
        throw new SluiceError('NOT_FOUND', `There is nothing at ${uri}.`);
      }),
    );
}

type Entry = { name: string; object: ObjectInfo } | { name: string; prefix: string };

/** What lies in the folder; when nothing does, the object of that very name. */
async function* entries(
  { store, path }: Location,
  { recursive }: LsOptions,
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  const folder = asFolder(path);
  let empty = true;
  for await (const page of store.list({ prefix: folder, delimiter: recursive ? undefined : '/', signal })) {
    const all: Entry[] = [
      ...page.prefixes.map((prefix) => ({ name: prefix.slice(folder.length), prefix })),
      ...page.objects.map((object) => ({ name: object.key.slice(folder.length), object })),
    ];
    // Both are in order by themselves; a level of a folder shows its folders first.
    yield* all;
    empty &&= all.length === 0;
  }
  if (!empty || path === '' || path.endsWith('/')) return;
  try {
    const object = await store.head(path, { signal });
    yield { name: path.slice(path.lastIndexOf('/') + 1), object };
  } catch (error) {
    if (!isError(error, 'NOT_FOUND')) throw error;
  }
}

function print(entry: Entry, { long, bytes }: LsOptions, output: Output): void {
  if ('prefix' in entry) {
    output.result({ prefix: entry.prefix }, () =>
      long ? `${'folder'.padStart(12)}  ${' '.repeat(19)}  ${printable(entry.name)}` : printable(entry.name),
    );
    return;
  }
  const { key, size, etag, modified } = entry.object;
  output.result({ key, size, etag, modified }, () => {
    const name = printable(entry.name);
    if (!long) return name;
    const amount = bytes ? String(size) : formatBytes(size);
    return `${amount.padStart(12)}  ${(modified === undefined ? '' : formatTime(modified)).padEnd(19)}  ${name}`;
  });
}
