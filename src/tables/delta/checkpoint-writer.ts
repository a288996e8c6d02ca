import { boolean, type Column, int32, int64, list, map, string, struct } from '../../base/parquet/schema.ts';
import { ParquetWriter } from '../../base/parquet/writer.ts';
import type { Action } from './actions.ts';
import type { DeltaSnapshot } from './snapshot.ts';

const texts = (name: string): Column => map(name, string('key'), string('value'));

const vector = (): Column =>
  struct('deletionVector', [
    string('storageType'),
    string('pathOrInlineDv'),
    int32('offset'),
    int32('sizeInBytes'),
    int64('cardinality'),
  ]);

/** Protocol, "Checkpoint Schema": a column for each kind of action. */
const COLUMNS: Column[] = [
  struct('txn', [string('appId'), int64('version'), int64('lastUpdated')]),
  struct('add', [
    string('path'),
    texts('partitionValues'),
    int64('size'),
    int64('modificationTime'),
    boolean('dataChange'),
    string('stats'),
    texts('tags'),
    vector(),
    int64('baseRowId'),
    int64('defaultRowCommitVersion'),
    string('clusteringProvider'),
  ]),
  struct('remove', [
    string('path'),
    int64('deletionTimestamp'),
    boolean('dataChange'),
    boolean('extendedFileMetadata'),
    texts('partitionValues'),
    int64('size'),
    vector(),
    int64('baseRowId'),
    int64('defaultRowCommitVersion'),
  ]),
  struct('metaData', [
    string('id'),
    string('name'),
    string('description'),
    struct('format', [string('provider'), texts('options')]),
    string('schemaString'),
    list('partitionColumns', string('element')),
    texts('configuration'),
    int64('createdTime'),
  ]),
  struct('protocol', [
    int32('minReaderVersion'),
    int32('minWriterVersion'),
    list('readerFeatures', string('element')),
    list('writerFeatures', string('element')),
  ]),
  struct('domainMetadata', [string('domain'), string('configuration'), boolean('removed')]),
];

const ROW_GROUP_ROWS = 50_000;

/**
 * Everything that a checkpoint of the snapshot says.
 * @param keepRemovedAfter tombstones older than this (milliseconds since 1970) are left out
 */
export function* snapshotActions(snapshot: DeltaSnapshot, keepRemovedAfter: number): Generator<Action[]> {
  yield [{ protocol: snapshot.protocol }, { metaData: snapshot.metaData }];
  for (const txn of snapshot.txns.values()) yield [{ txn }];
  for (const domainMetadata of snapshot.domains.values()) {
    if (!domainMetadata.removed) yield [{ domainMetadata }];
  }
  for (const add of snapshot.files.adds()) yield [{ add }];
  for (const remove of snapshot.files.removes()) {
    if ((remove.deletionTimestamp ?? 0) > keepRemovedAfter) yield [{ remove }];
  }
}

/**
 * Writes a classic checkpoint in one file.
 * @param actions of one version, reconciled: each thing once
 * @returns how many actions it holds, and how many of them add a file
 */
export async function writeCheckpoint(
  actions: Iterable<Action[]> | AsyncIterable<Action[]>,
  sink: (bytes: Buffer) => Promise<void>,
): Promise<{ size: number; adds: number }> {
  const writer = new ParquetWriter({
    columns: COLUMNS,
    compression: 'snappy',
    rowGroupRows: ROW_GROUP_ROWS,
    sink: (bytes) => sink(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  });
  let size = 0;
  let adds = 0;
  for await (const batch of actions) {
    for (const { commitInfo, add, remove, ...other } of batch) {
      if (commitInfo) continue;
      if (add) writer.add({ add: { ...add, dataChange: false } });
      else if (remove) writer.add({ remove: { ...remove, dataChange: false } });
      else writer.add(other);
      if (add) adds++;
      size++;
      if (writer.full) await writer.flush();
    }
  }
  await writer.finish();
  return { size, adds };
}
