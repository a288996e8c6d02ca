import { pipeline } from 'node:stream/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { SluiceError } from '../base/errors.ts';
import type { ByteRange } from '../stores/store.ts';
import { runs } from './session.ts';

export function define(command: Command): void {
  command
    .argument('<uri...>', 'objects, such as s3://bucket/file.txt or lakefs://repo/main/file.txt')
    .option('--range <bytes>', 'only these bytes: 0-99, 100- or -50 (the last 50)', toRange)
    .option('--connection <name>', 'the connection to open them with')
    .addHelpText(
      'after',
      `
Examples:
  sluice cat lakefs://repo/main/data/_SUCCESS
  sluice cat s3://bucket/large.bin --range 0-1023 | xxd`,
    )
    .action(
      runs<{ range?: ByteRange; connection?: string }>(async (session, uris, { range, connection }) => {
        const { open } = await session.app();
        for (const uri of uris) {
          const { store, path } = await open(uri, { connection });
          if (path === '') throw new SluiceError('NOT_FOUND', `There is no object ${uri}.`);
          const { body } = await store.get(path, { range, signal: session.signal });
          await pipeline(body, process.stdout, { end: false });
        }
      }),
    );
}

function toRange(text: string): ByteRange {
  const match = /^(\d*)-(\d*)$/.exec(text);
  const [start, end] = [match?.[1], match?.[2]];
  if (match && !start && end && Number(end) > 0) return { last: Number(end) };
  if (match && start && (!end || Number(end) >= Number(start))) {
    return end ? { start: Number(start), end: Number(end) } : { start: Number(start) };
  }
  throw new InvalidArgumentError('Write 0-99, 100- or -50.');
}
