import type { PutProperties } from './sample.ts';

/** Something to put into a lake. */
export interface SampleObject extends PutProperties {
  path: string;
  bytes: Buffer;
}

/** Names that exporters stumble over, and that every destination can hold. */
const ODD_NAMES = [
  'odd names/with space.txt',
  'odd names/two  spaces and + plus.txt',
  'odd names/percent%41.txt',
  'odd names/percent %2F slash.txt',
  'odd names/question?mark.txt',
  'odd names/hash#tag.txt',
  "odd names/quote's & ampersand <x>.txt",
  'odd names/semi;colon=equals,comma.txt',
  'odd names/ünïcödé-日本語.txt',
  'odd names/emoji-😀.txt',
  'odd names/\u{e000}-before-the-emoji.txt',
  'odd names/e\u0301-decomposed.txt',
  'odd names/.hidden',
  'odd names/no-extension',
];

/** Names that a folder cannot hold beside the others. */
const NAMES_FOR_BUCKETS = ['buckets only/a', 'buckets only/a/b', 'buckets only/folder/', 'buckets only/x//y'];

/**
 * A made-up data lake: events by day with their markers, some large and empty objects, odd names. The same for
 * the same arguments.
 * @param count objects in all, 40 at least
 * @param options.buckets adds names that a folder cannot hold
 */
export function* sampleContent(count: number, options: { buckets?: boolean } = {}): Generator<SampleObject> {
  const special = [...specialObjects(options.buckets ?? false)];
  yield* special;
  for (let i = 0; i < count - special.length; i++) {
    const day = String((i % 28) + 1).padStart(2, '0');
    const lines = Array.from({ length: 1 + (i % 40) }, (_, line) =>
      JSON.stringify({
        event: i,
        line,
        kind: ['view', 'click', 'order'][(i + line) % 3],
        at: 1_700_000_000 + i,
      }),
    );
    yield {
      path: `events/date=2026-01-${day}/part-${String(i).padStart(5, '0')}.jsonl`,
      bytes: Buffer.from(`${lines.join('\n')}\n`),
      contentType: 'application/x-ndjson',
    };
  }
}

function* specialObjects(buckets: boolean): Generator<SampleObject> {
  for (const path of [...ODD_NAMES, ...(buckets ? NAMES_FOR_BUCKETS : [])])
    yield { path, bytes: Buffer.from(`content of ${path}`), contentType: 'text/plain' };
  for (let day = 1; day <= 14; day++)
    yield { path: `events/date=2026-01-${String(day).padStart(2, '0')}/_SUCCESS`, bytes: Buffer.alloc(0) };
  yield { path: 'images/empty.png', bytes: Buffer.alloc(0), contentType: 'image/png' };
  yield {
    path: 'images/noise.png',
    bytes: noise(300_000),
    contentType: 'image/png',
    metadata: { camera: 'none', 'taken-at': '2026-01-01' },
  };
  yield { path: 'deep/a/b/c/d/e/f/g/h/i/leaf.txt', bytes: Buffer.from('leaf'), contentType: 'text/plain' };
  yield { path: `long/${'n'.repeat(200)}.txt`, bytes: Buffer.from('long name'), contentType: 'text/plain' };
}

/** Bytes that do not repeat, the same every time. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}
