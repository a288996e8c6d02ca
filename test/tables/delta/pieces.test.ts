import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isError } from '../../../src/base/errors.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import type { MetaData, Protocol } from '../../../src/tables/delta/actions.ts';
import {
  deletionVectorFile,
  underRoot,
  z85Decode,
  z85Encode,
} from '../../../src/tables/delta/deletion-vectors.ts';
import { checkFeatures, targetMetaData } from '../../../src/tables/delta/features.ts';
import { decodePath, encodeAddress, encodePath } from '../../../src/tables/delta/paths.ts';
import { findSegment } from '../../../src/tables/delta/segment.ts';
import { readSnapshot } from '../../../src/tables/delta/snapshot.ts';
import { statsJson } from '../../../src/tables/delta/stats.ts';
import { readableAddress } from '../../../src/tables/methods/native/addresses.ts';
import fc from '../../property.ts';

describe('paths of a log', () => {
  it('every key survives encoding, and nothing in it is taken for a URI', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (key) => {
        const encoded = encodePath(key);
        assert.match(encoded, /^[\w!'()*.~%=/-]*$/);
        assert.equal(decodePath(encoded), key);
      }),
    );
  });

  it('an address that Hadoop would change is refused', () => {
    assert.equal(encodeAddress('s3://b/a b/c%41#?.parquet'), 's3://b/a%20b/c%2541%23%3F.parquet');
    for (const address of ['s3://b/a//c', 's3://b/a/../c', 's3://b/./c', 's3://b/a/']) {
      assert.throws(
        () => encodeAddress(address),
        (error) => isError(error, 'UNSUPPORTED'),
        address,
      );
    }
    assert.equal(encodeAddress('local:///lake/x'), 'local:///lake/x');
  });

  it('addresses are told as readers know them', () => {
    const azure = 'https://account.blob.core.windows.net/container/a/b c';
    assert.equal(readableAddress(azure, {}), 'abfss://container@account.dfs.core.windows.net/a/b c');
    assert.equal(
      readableAddress('s3://b/k', { 's3://': 's3a://', 's3://b/': 's3a://other/' }),
      's3a://other/k',
    );
  });
});

describe('deletion vectors', () => {
  it('the file is named by the UUID at the end, in the folder before it', () => {
    // The protocol's own example.
    const vector = {
      storageType: 'u' as const,
      pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^',
      sizeInBytes: 40,
      cardinality: 6,
    };
    assert.equal(deletionVectorFile(vector), 'ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin');
    const bytes = z85Decode('^-aqEH.-t@S}K{vb[*k^');
    assert.equal(
      deletionVectorFile(underRoot(vector, bytes)),
      'deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin',
    );
  });

  it('Z85 goes both ways', () => {
    assert.equal(z85Encode(Buffer.from('864fd26fb559f75b', 'hex')), 'HelloWorld');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        assert.deepEqual(z85Decode(z85Encode(Buffer.from(bytes))), Buffer.from(bytes));
      }),
    );
    assert.throws(
      () => z85Decode('no z85'),
      (error) => isError(error, 'CORRUPT'),
    );
  });
});

const protocol = (...features: string[]): Protocol => ({
  minReaderVersion: 3,
  minWriterVersion: 7,
  readerFeatures: features,
  writerFeatures: features,
});
const metaData = (configuration: Record<string, string> = {}): MetaData => ({
  id: 'a',
  format: { provider: 'parquet' },
  schemaString: '{"type":"struct","fields":[]}',
  partitionColumns: [],
  configuration,
});

describe('table features', () => {
  it('those that can be passed on are; others are refused by name', () => {
    checkFeatures(protocol('deletionVectors', 'columnMapping', 'variantType', 'typeWidening'), metaData());
    assert.throws(
      () => checkFeatures(protocol('catalogManaged'), metaData()),
      /"catalogManaged": its commits are kept by a catalog/,
    );
    assert.throws(
      () => checkFeatures(protocol('timeMachine'), metaData()),
      /"timeMachine", which is not known/,
    );
    checkFeatures(protocol('timeMachine'), metaData(), ['timeMachine']);
    const coordinated = metaData({ 'delta.coordinatedCommits.commitCoordinator-preview': 'x' });
    assert.throws(() => checkFeatures(protocol(), coordinated), /coordinatedCommits/);
  });

  it('in-commit timestamps name the version of the written log, not of the source', () => {
    const source = metaData({
      'delta.enableInCommitTimestamps': 'true',
      'delta.inCommitTimestampEnablementVersion': '40',
      'delta.inCommitTimestampEnablementTimestamp': '4',
    });
    const at = { id: 'b', timestamp: 9 };
    const fresh = targetMetaData(source, { ...at, before: undefined, version: 0 });
    assert.deepEqual(fresh.configuration, { 'delta.enableInCommitTimestamps': 'true' });
    const later = targetMetaData(source, { ...at, before: metaData(), version: 3 });
    assert.equal(later.configuration!['delta.inCommitTimestampEnablementVersion'], '3');
    const kept = targetMetaData(source, { ...at, before: later, version: 5 });
    assert.deepEqual(kept.configuration, later.configuration);
  });
});

describe('a log', () => {
  const name = (version: number) => `_delta_log/${String(version).padStart(20, '0')}`;
  const lines = (...actions: object[]) =>
    Buffer.from(actions.map((action) => JSON.stringify(action)).join('\n'));
  const add = (path: string, more = {}) => ({
    add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true, ...more },
  });
  const remove = (path: string, more = {}) => ({
    remove: { path, dataChange: true, deletionTimestamp: 1, ...more },
  });
  const first = lines({ protocol: protocol() }, { metaData: metaData() }, add('a'), add('b%20c'));
  const paths = async (store: MemoryStore) => {
    const snapshot = await readSnapshot(store, '');
    const live = [...snapshot.files.adds()].map((file) => file.path);
    snapshot.files.close();
    return live;
  };

  it('the newest word on a path and deletion vector holds', async () => {
    const store = new MemoryStore();
    const deletionVector = { storageType: 'i', pathOrInlineDv: 'x', sizeInBytes: 1, cardinality: 1 };
    await store.put(`${name(0)}.json`, first);
    await store.put(`${name(1)}.json`, lines(remove('a'), add('a', { deletionVector })));
    await store.put(`${name(2)}.json`, lines(remove('b%20c'), add('d')));
    assert.deepEqual(await paths(store), ['a', 'd']);
    await store.put(`${name(3)}.json`, lines(remove('a', { deletionVector }), add('b c')));
    assert.deepEqual(await paths(store), ['b c', 'd']);
  });

  it('a compacted file stands for its versions, also for those that are gone', async () => {
    const store = new MemoryStore();
    await store.put(`${name(0)}.json`, first);
    await store.put(`${name(1)}.${String(2).padStart(20, '0')}.compacted.json`, lines(remove('a'), add('x')));
    await store.put(`${name(3)}.json`, lines(add('y')));
    const segment = await findSegment(store, '');
    assert.deepEqual(
      segment.commits.map(({ from, to }) => [from, to]),
      [
        [0, 0],
        [1, 2],
        [3, 3],
      ],
    );
    assert.deepEqual(await paths(store), ['b%20c', 'x', 'y']);
  });

  it('a gap, a half-written multi-part checkpoint and an empty folder are told apart', async () => {
    const store = new MemoryStore();
    await assert.rejects(findSegment(store, ''), (error) => isError(error, 'NOT_FOUND'));
    await store.put(`${name(2)}.json`, lines(add('x')));
    await store.put(`${name(1)}.checkpoint.0000000001.0000000002.parquet`, Buffer.alloc(4));
    await assert.rejects(findSegment(store, ''), /version 0 is missing and there is no checkpoint/);
    await store.put(`${name(0)}.json`, first);
    await assert.rejects(findSegment(store, ''), /version 1 is missing/);
  });

  it('a wrong _last_checkpoint costs nothing but time', async () => {
    const store = new MemoryStore();
    await store.put(`${name(0)}.json`, first);
    for (let version = 1; version < 2500; version++)
      await store.put(`${name(version)}.json`, lines(add(`f${version}`)));
    await store.put('_delta_log/_last_checkpoint', Buffer.from('{"version":2400}'));
    assert.equal((await findSegment(store, '')).version, 2499);
    await store.put('_delta_log/_last_checkpoint', Buffer.from('not JSON'));
    assert.equal((await findSegment(store, '')).version, 2499);
  });

  it('statistics kept as a struct become JSON, without bounds that have no exact form', () => {
    const stats = statsJson({
      numRecords: 3n,
      minValues: { id: 1n, at: new Date(0), huge: 2n ** 60n + 1n },
      nullCount: { id: 0n },
    });
    assert.deepEqual(JSON.parse(stats), { numRecords: 3, minValues: { id: 1 }, nullCount: { id: 0 } });
  });
});
