import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { type ParquetParsers, parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { Compression } from '../../../src/base/parquet/compress.ts';
import { readFloatLists } from '../../../src/base/parquet/float-lists.ts';
import * as schema from '../../../src/base/parquet/schema.ts';
import { ParquetWriter, type ParquetWriterOptions } from '../../../src/base/parquet/writer.ts';
import fc from '../../property.ts';

const { boolean, double, float, int32, int64, json, list, map, string, struct, timestampMicros } = schema;

async function write(
  columns: schema.Column[],
  rows: Record<string, unknown>[],
  options: Partial<ParquetWriterOptions> = {},
): Promise<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  const writer = new ParquetWriter({ columns, sink: (bytes) => void chunks.push(bytes), ...options });
  for (const row of rows) {
    writer.add(row);
    if (writer.full) await writer.flush();
  }
  const file = await writer.finish({ hello: 'wörld' });
  const bytes = Buffer.concat(chunks);
  assert.equal(file.bytes, bytes.length);
  assert.equal(file.rows, rows.length);
  return new Uint8Array(bytes).buffer;
}

const read = (file: ArrayBuffer) =>
  parquetReadObjects({
    file,
    parsers: { timestampFromMicroseconds: (micros: bigint) => micros } as ParquetParsers,
    compressors: { ...compressors, ZSTD: (input) => new Uint8Array(zstdDecompressSync(input)) },
  });

const columns = [
  string('id', { required: true }),
  boolean('yes'),
  int32('small'),
  int64('large'),
  double('number'),
  json('any'),
  timestampMicros('at'),
  list('vector', float('element', { required: true })),
  list('matrix', list('element', float('element', { required: true }))),
  struct('nested', [
    string('a'),
    list('b', struct('element', [int64('c', { required: true }), string('d')])),
  ]),
  map('tags', string('key'), string('value')),
];

const arbitraryRow = fc.record({
  id: fc.string({ unit: 'binary' }),
  yes: fc.option(fc.boolean()),
  small: fc.option(fc.integer()),
  large: fc.option(fc.maxSafeInteger()),
  number: fc.option(fc.double({ noDefaultInfinity: true, noNaN: true })),
  any: fc.option(fc.json().filter((text) => text !== 'null')),
  at: fc.option(fc.integer({ min: -1e15, max: 1e15 })),
  vector: fc.option(fc.array(fc.float({ noDefaultInfinity: true, noNaN: true }), { maxLength: 20 })),
  matrix: fc.option(
    fc.array(fc.option(fc.array(fc.float({ noDefaultInfinity: true, noNaN: true }), { maxLength: 20 }))),
  ),
  nested: fc.option(
    fc.record({
      a: fc.option(fc.string()),
      b: fc.option(
        fc.array(fc.option(fc.record({ c: fc.maxSafeInteger(), d: fc.option(fc.string()) })), {
          maxLength: 5,
        }),
      ),
    }),
  ),
  // The reader that the test uses gives maps as plain objects, which cannot have a key of this name.
  tags: fc.option(
    fc.dictionary(
      fc.string({ unit: 'binary' }).filter((key) => key !== '__proto__'),
      fc.option(fc.string()),
      { noNullPrototype: true },
    ),
  ),
});
type Row = typeof arbitraryRow extends fc.Arbitrary<infer T> ? T : never;

/** As hyparquet gives it back. */
const shown = (row: Row) => ({
  ...row,
  large: row.large === null ? null : BigInt(row.large),
  any: row.any === null ? null : JSON.parse(row.any),
  at: row.at === null ? null : BigInt(row.at),
  nested: row.nested && {
    a: row.nested.a,
    b: row.nested.b?.map((each) => each && { ...each, c: BigInt(each.c) }),
  },
});

/** The reader gives undefined for the null of a nested column. */
function nulls(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map(nulls);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, nulls(each)]));
}

for (const compression of ['zstd', 'snappy', 'gzip', 'none'] as Compression[]) {
  test(`any rows come back as they were, through pages and row groups of any size (${compression})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryRow, { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 2000 }),
        async (rows, rowGroupRows, pageBytes) => {
          const file = await write(columns, rows, { compression, rowGroupRows, pageBytes });
          const back = (await read(file)).map(nulls);
          assert.deepEqual(back, rows.map(shown).map(nulls));
        },
      ),
      { numRuns: 25 },
    );
  });
}

test('vectors may come as floats or as their bytes, and cost two runs of levels each', async () => {
  const vectors = Array.from({ length: 100 }, (_, i) =>
    Float32Array.from({ length: 384 }, (_, j) => i + j / 7),
  );
  const file = await write(
    [list('vector', float('element', { required: true }))],
    vectors.map((vector, i) => ({ vector: i % 2 ? vector : new Uint8Array(vector.buffer) })),
    { compression: 'none' },
  );
  assert.deepEqual(
    (await read(file)).map((row) => row.vector),
    vectors.map((vector) => [...vector]),
  );
  const vectorBytes = 100 * 384 * 4;
  assert.ok(
    file.byteLength < vectorBytes + 1500,
    `${file.byteLength - vectorBytes} bytes besides the values`,
  );
});

test('the footer has the metadata, statistics and null counts that readers prune by', async () => {
  const rows = Array.from({ length: 10 }, (_, i) => ({ id: `k${i}`, small: i === 3 ? null : i * 2 }));
  const file = await write([string('id', { required: true }), int32('small')], rows, { rowGroupRows: 5 });
  const metadata = parquetMetadata(file);
  assert.deepEqual(metadata.key_value_metadata, [{ key: 'hello', value: 'wörld' }]);
  assert.equal(metadata.row_groups.length, 2);
  const [id, small] = metadata.row_groups[0]!.columns.map((column) => column.meta_data!.statistics!);
  assert.equal(id!.min_value, 'k0');
  assert.equal(id!.max_value, 'k4');
  assert.equal(small!.min_value, 0);
  assert.equal(small!.max_value, 8);
  assert.equal(small!.null_count, 1n);
});

test('a value of the wrong type is refused by the name of its column', async () => {
  const refused = { code: 'BAD_SPEC', message: /"small".*string/ };
  await assert.rejects(write([int32('small')], [{ small: 'x' }]), refused);
  await assert.rejects(write([string('id', { required: true })], [{}]), { message: /"id" takes no null/ });
});

test('a row group can be taken over from another file byte for byte', async () => {
  const chunks: Uint8Array[] = [];
  const options = { columns: [string('id')], sink: (bytes: Uint8Array) => void chunks.push(bytes) };
  const first = new ParquetWriter(options);
  first.add({ id: 'a' });
  const group = (await first.flush())!;
  const content = Buffer.concat(chunks).subarray(group.offset, group.offset + group.bytes);
  chunks.length = 0;
  const second = new ParquetWriter(options);
  second.add({ id: 'b' });
  await second.flush();
  await second.copy(
    group,
    (async function* () {
      yield content;
    })(),
  );
  await second.finish();
  assert.deepEqual(await read(new Uint8Array(Buffer.concat(chunks)).buffer), [{ id: 'b' }, { id: 'a' }]);
});

test('lists of floats are read back as bytes, whatever the pages, nulls and empty lists between them', async () => {
  const floats = fc.array(fc.float({ noNaN: true }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(floats, { freq: 4 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 600 }),
      async (vectors, pageBytes) => {
        const file = await write(
          [list('vector', float('element', { required: true }))],
          vectors.map((vector) => ({ vector: vector && Float32Array.from(vector) })),
          { pageBytes },
        );
        const { data_page_offset: offset, total_compressed_size: size } =
          parquetMetadata(file).row_groups[0]!.columns[0]!.meta_data!;
        const chunk = new Uint8Array(file, Number(offset), Number(size));
        const rows = readFloatLists(chunk, (bytes) => zstdDecompressSync(bytes))!;
        assert.deepEqual(
          rows.map((bytes) => bytes && [...new Float32Array(new Uint8Array(bytes).buffer)]),
          vectors.map((vector) => vector && [...Float32Array.from(vector)]),
        );
        const some = readFloatLists(chunk.subarray(0, chunk.length - 1), (bytes) =>
          zstdDecompressSync(bytes),
        )!;
        assert.ok(some.length < rows.length);
      },
    ),
  );
});
