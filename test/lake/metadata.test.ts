import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { SluiceError } from '../../src/base/errors.ts';
import { compareKeys } from '../../src/base/keys.ts';
import { entryData, identityOf, recordValue } from '../../src/demo/lake/encoding.ts';
import { TableWriter } from '../../src/demo/lake/table-writer.ts';
import type { TreeEntry } from '../../src/demo/lake/tree.ts';
import type { LakeEntry } from '../../src/lake/client/entry.ts';
import { Committed } from '../../src/lake/metadata/committed.ts';
import { crc32c } from '../../src/lake/metadata/crc32c.ts';
import { diffCommitted } from '../../src/lake/metadata/diff.ts';
import { EntryDecoder, readMetaRange } from '../../src/lake/metadata/records.ts';
import { decodeSnappy } from '../../src/lake/metadata/snappy.ts';
import { storeMetadata } from '../../src/lake/metadata/source.ts';
import { SSTable } from '../../src/lake/metadata/sstable.ts';
import { TableCache } from '../../src/lake/metadata/table-cache.ts';
import type { MemoryStore } from '../../src/stores/memory/store.ts';
import { readAll } from '../../src/stores/read.ts';
import fc from '../property.ts';
import {
  type Exchange,
  recordedCommits,
  recordedExchanges,
  recordedNamespace,
} from '../support/recorded-lake.ts';

async function collected<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

describe('committed metadata that a lakeFS wrote', () => {
  const exchanges = recordedExchanges('lakefs');
  const { c1, c2, merge } = recordedCommits('lakefs') as Record<'c1' | 'c2' | 'merge', string>;
  const namespace = 'local:///lake/sample';
  let store: MemoryStore;
  let reads: string[] = [];
  const metaRangeOf = (commit: string): string =>
    exchanges.find(({ response }) => response.json?.id === commit)!.response.json.meta_range_id;
  const open = (commit: string): Promise<Committed> => {
    const source = storeMetadata({ store, path: 'sample', uri: '' });
    const counted = new TableCache({
      read(type, id, signal) {
        reads.push(id);
        return source.read(type, id, signal);
      },
    });
    return Committed.open(counted, metaRangeOf(commit), namespace);
  };
  const results = (matches: (exchange: Exchange) => boolean) =>
    exchanges.filter(matches).flatMap(({ response }) => response.json.results);
  before(async () => {
    store = await recordedNamespace('lakefs');
  });

  it('lists each commit exactly as lakeFS itself does', async () => {
    for (const commit of [c1, merge]) {
      const listed = results(({ request }) =>
        request.path.includes(`/refs/${commit}/objects/ls?amount=1000`),
      );
      const entries = await collected((await open(commit)).scan());
      assert.deepEqual(
        entries.map(({ identity, ...entry }) => entry),
        listed.map((stats) => ({
          path: stats.path,
          physicalAddress: stats.physical_address,
          checksum: stats.checksum,
          size: stats.size_bytes,
          mtime: stats.mtime * 1000,
          contentType: stats.content_type,
          metadata: undefined,
        })),
      );
      for (const { identity } of entries) assert.match(identity!, /^[0-9a-f]{64}$/);
    }
  });

  it('finds exactly the differences that lakeFS finds, and leaves ranges unread that commits share', async () => {
    for (const [left, right] of [
      [c1, c2],
      [c1, merge],
    ]) {
      const lines = results(({ request }) => request.path.includes(`/refs/${left}/diff/${right}?`));
      const [before, now] = [await open(left!), await open(right!)];
      reads = [];
      const changes = await collected(diffCommitted(before, now));
      assert.deepEqual(
        changes.map(({ path, type, entry, before: old }) => ({
          path,
          path_type: 'object',
          size_bytes: (entry ?? old)!.size,
          type,
        })),
        lines,
      );
      const ids = now.ranges.map(({ id }) => id);
      const shared = before.ranges.filter(({ id }) => ids.includes(id));
      assert.ok(shared.length > 0);
      for (const { id } of shared) assert.ok(!reads.includes(id), 'a shared range was read');
    }
    reads = [];
    const same = await open(c1);
    assert.deepEqual(await collected(diffCommitted(same, same)), []);
    assert.deepEqual(reads, [metaRangeOf(c1)]);
  });

  it('gives the same under any window as the whole listing cut down', async () => {
    const committed = await open(merge);
    const older = await open(c1);
    const all = await collected(committed.scan());
    const changes = await collected(diffCommitted(older, committed));
    const paths = all.map(({ path }) => path);
    const key = fc.oneof(
      fc.constantFrom(...paths),
      fc.constantFrom('', 'a', 'events', 'events/date=2026-01-1', 'odd', 'zz', 'ü', '\u{10ffff}'),
    );
    const window = fc.record(
      {
        after: key,
        until: key,
        prefix: fc.oneof(key, fc.constantFrom('events/', 'odd names/', 'e', 'nothing')),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(window, async ({ after, until, prefix }) => {
        const inside = ({ path }: { path: string }) =>
          (after === undefined || compareKeys(path, after) > 0) &&
          (until === undefined || compareKeys(path, until) <= 0) &&
          path.startsWith(prefix ?? '');
        const options = { after, until, prefix };
        assert.deepEqual(
          (await collected(committed.scan(options))).map(({ path }) => path),
          all.filter(inside).map(({ path }) => path),
        );
        assert.deepEqual(
          (await collected(diffCommitted(older, committed, options))).map(({ path }) => path),
          changes.filter(inside).map(({ path }) => path),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('lists one range, which holds what the metarange says', async () => {
    const committed = await open(c2);
    for (const range of committed.ranges.slice(0, 4)) {
      const entries = await collected(committed.entries(range.id));
      assert.equal(entries.length, range.count);
      assert.equal(entries[0]!.path, range.minKey.toString());
      assert.equal(entries.at(-1)!.path, range.maxKey.toString());
    }
  });

  it('says CORRUPT for any byte that is not what it was, and never anything else', async () => {
    const id = (await open(c1)).ranges[0]!.id;
    const bytes = await readAll((await store.get(`sample/_lakefs/${id}`)).body);
    const entriesOf = (table: Buffer): LakeEntry[] => {
      const read = new SSTable(table);
      const entries: LakeEntry[] = [];
      const decoder = new EntryDecoder(namespace);
      for (let block = 0; block < read.blockCount; block++) decoder.addBlock(read, block, {}, entries);
      return entries;
    };
    const whole = entriesOf(bytes);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const garbled = Buffer.from(bytes);
        garbled[at]! ^= change;
        try {
          // The footer's padding and unused blocks may hold anything.
          assert.deepEqual(entriesOf(garbled), whole);
        } catch (error) {
          if (!(error instanceof SluiceError)) throw error;
          assert.equal(error.code, 'CORRUPT');
        }
      }),
      { numRuns: 500 },
    );
    for (const length of [0, 10, 52, 53, 500, bytes.length - 1])
      assert.throws(() => entriesOf(bytes.subarray(0, length)), { code: 'CORRUPT' });
  });

  it('says CORRUPT for a range where a metarange belongs', async () => {
    const bytes = await readAll((await store.get(`sample/_lakefs/${(await open(c1)).ranges[0]!.id}`)).body);
    assert.throws(() => readMetaRange(new SSTable(bytes)), { code: 'CORRUPT' });
  });
});

describe('committed metadata that the sample lake writes', () => {
  it('has the ids that lakeFS gave to the same content', async () => {
    const store = await recordedNamespace('lakefs');
    const metaRange = 'd7b157061c6225baa8d8c87c8bb87c00aaa707cb4cd7e2c7da35bc57fbbc9dbd';
    const read = async (id: string) =>
      new SSTable(await readAll((await store.get(`sample/_lakefs/${id}`)).body));
    for (const { id } of readMetaRange(await read(metaRange)).slice(0, 3)) {
      const table = await read(id);
      const entries: LakeEntry[] = [];
      const decoder = new EntryDecoder('');
      for (let block = 0; block < table.blockCount; block++) decoder.addBlock(table, block, {}, entries);
      const writer = new TableWriter('ranges');
      for (const entry of entries) {
        const written: TreeEntry = {
          path: entry.path,
          address: entry.physicalAddress.slice(1),
          checksum: entry.checksum,
          size: entry.size,
          mtime: entry.mtime / 1000,
          contentType: entry.contentType!,
        };
        assert.equal(identityOf(written).toString('hex'), entry.identity);
        // What lakeFS keeps of the time below a second is not in an entry, so its own record is taken.
        writer.add(Buffer.from(entry.path), recordOf(table, entry.path));
      }
      assert.equal(writer.finish().id, id);
    }
  });

  it('comes back as it was written, for keys and values of any kind', () => {
    const entry = fc.record({
      path: fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }).filter((path) => path.isWellFormed()),
      address: fc.string({ maxLength: 60 }).map((path) => `data/${path}`),
      full: fc.boolean(),
      checksum: fc
        .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.constantFrom('', '-3', '-10000'))
        .map(([md5, parts]) => Buffer.from(md5).toString('hex') + parts),
      size: fc.maxSafeNat(),
      mtime: fc.nat(4_000_000_000),
      contentType: fc.constantFrom('', 'text/plain', 'application/x-ü'),
      metadata: fc.dictionary(fc.string({ minLength: 1 }), fc.string(), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: ({ path }) => path, maxLength: 120 }), (entries) => {
        entries.sort((a, b) => compareKeys(a.path, b.path));
        const writer = new TableWriter('ranges');
        for (const each of entries)
          writer.add(Buffer.from(each.path), recordValue(identityOf(each), entryData(each)));
        const table = new SSTable(writer.finish().bytes);
        const back: LakeEntry[] = [];
        const decoder = new EntryDecoder('s3://b/ns');
        for (let block = 0; block < table.blockCount; block++) decoder.addBlock(table, block, {}, back);
        assert.deepEqual(
          back.map(({ path, size, mtime, checksum, physicalAddress }) => [
            path,
            size,
            mtime,
            checksum,
            physicalAddress,
          ]),
          entries.map(({ path, size, mtime, checksum, address, full }) => [
            path,
            size,
            mtime * 1000,
            checksum,
            full ? address : `s3://b/ns/${address}`,
          ]),
        );
        for (const [i, each] of entries.entries()) {
          assert.deepEqual(back[i]!.metadata ?? {}, each.metadata);
          assert.equal(back[i]!.contentType ?? '', each.contentType);
        }
      }),
      { numRuns: 12 },
    );
  });
});

describe('the pieces of the format', () => {
  it('computes CRC-32C as RFC 3720 shows it', () => {
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  });

  it('decodes Snappy: literals, copies that overlap, all lengths of both', () => {
    const decode = (hex: string) => decodeSnappy(Buffer.from(hex, 'hex'), 0, hex.length / 2).toString();
    assert.equal(decode('00'), '');
    assert.equal(decode('0308616263'), 'abc');
    assert.equal(decode('0a0061220100'), 'aaaaaaaaaa');
    assert.equal(decode('0b046162220200'), 'abababababa');
  });

  it('says CORRUPT for Snappy that is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeSnappy(Buffer.from(bytes), 0, bytes.length);
        } catch (error) {
          if (!(error instanceof SluiceError) || error.code !== 'CORRUPT') throw error;
        }
      }),
      { numRuns: 400 },
    );
  });
});

function recordOf(table: SSTable, path: string): Buffer {
  let found: Buffer | undefined;
  const key = Buffer.from(path);
  const bounds = { lower: key, lowerIn: true, upper: key, upperIn: true };
  for (let block = table.seek(key); block < table.blockCount && !found; block++) {
    table.visit(block, bounds, (_key, _length, bytes, start, end) => {
      found = Buffer.from(bytes.subarray(start, end));
    });
  }
  return found!;
}
