import { isError, SluiceError } from '../base/errors.ts';
import { asFolder } from '../base/keys.ts';
import type { OpenStore } from '../stores/open.ts';
import { readAll } from '../stores/read.ts';
import type { Store } from '../stores/store.ts';
import { METADATA_FILE } from './export/pinned.ts';
import { VectorFile } from './layouts/file.ts';
import type { VectorObject } from './object.ts';
import type { ClassSchema } from './schema.ts';
import type { UuidRange } from './uuid.ts';

/** What an export takes of each object. */
export type ExportColumns = {
  vectors: boolean;
  /** Globs; absent: all. */
  properties?: string[];
};

/** The metadata file of an export by Sluice. */
export interface ExportMetadata {
  id: string;
  startedAt: string;
  layout: 'typed' | 'weaviate';
  classes: string[];
  shardStatus: Record<string, Record<string, { status: string; objectsExported: number }>>;
  files: { class: string; key: string; rows: number; bytes: number }[];
  /** Files of the ids that were deleted since the earlier export. */
  deleted?: { class: string; key: string; rows: number }[];
  schemas: ClassSchema[];
  /** What of an object is in the files; absent in exports that others wrote. */
  columns?: ExportColumns;
  /** URI of the earlier export, of which this one holds the changes. */
  since?: string;
}

/** Files of objects, and of ids that were deleted: an export as part of a chain, or some files of one. */
export interface FileLayer {
  store: Store;
  root: string;
  metadata: {
    files: readonly { class: string; key: string }[];
    deleted?: readonly { class: string; key: string }[];
  };
}

/** A whole export as part of a chain. */
export interface Layer extends FileLayer {
  metadata: ExportMetadata;
}

/**
 * An export and those it is based on, newest first.
 * @throws SluiceError NOT_FOUND when one of them is not there, or is not complete
 */
export async function openChain(open: OpenStore, uri: string, signal?: AbortSignal): Promise<Layer[]> {
  const chain: Layer[] = [];
  for (let next: string | undefined = uri; next !== undefined; ) {
    const { store, path } = await open(next);
    const root = asFolder(path);
    const metadata: ExportMetadata = await readMetadata(store, root, next, signal);
    chain.push({ store, root, metadata });
    next = metadata.since;
    if (chain.length > 1000) throw new SluiceError('CORRUPT', `The exports before ${uri} go in a circle.`);
  }
  return chain;
}

async function readMetadata(
  store: Store,
  root: string,
  uri: string,
  signal: AbortSignal | undefined,
): Promise<ExportMetadata> {
  try {
    const { body } = await store.get(`${root}${METADATA_FILE}`, { signal });
    return JSON.parse((await readAll(body)).toString()) as ExportMetadata;
  } catch (error) {
    if (!isError(error, 'NOT_FOUND')) throw error;
    throw new SluiceError('NOT_FOUND', `There is no complete export in ${uri}: it has no ${METADATA_FILE}.`);
  }
}

/** Rows of one class that are looked for. */
export interface Wanted {
  className: string;
  tenant: string | undefined;
  range: UuidRange;
  /** `ids`: only ids and times. */
  what: 'ids' | 'all';
}

/** An entry of a layer: an object, or (undefined) its deletion. */
interface Entry {
  id: string;
  object: VectorObject | undefined;
}

/** The objects as the newest of the chain knows them, in UUID order. */
export async function* mergedObjects(
  chain: readonly FileLayer[],
  wanted: Wanted,
  signal?: AbortSignal,
): AsyncGenerator<VectorObject, void, undefined> {
  const sources = chain.flatMap((layer) => [
    rowsOf(layer, layer.metadata.files, wanted, signal),
    rowsOf(layer, layer.metadata.deleted ?? [], { ...wanted, what: 'ids' }, signal, true),
  ]);
  const heads = await Promise.all(sources.map((source) => source.next()));
  try {
    for (;;) {
      let lowest: string | undefined;
      for (const head of heads) {
        if (!head.done && (lowest === undefined || head.value.id < lowest)) lowest = head.value.id;
      }
      if (lowest === undefined) return;
      // The first source that has it is of the newest layer.
      let newest: Entry | undefined;
      for (const [i, head] of heads.entries()) {
        if (head.done || head.value.id !== lowest) continue;
        newest ??= head.value;
        heads[i] = await sources[i]!.next();
      }
      if (newest?.object) yield newest.object;
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

async function* rowsOf(
  layer: FileLayer,
  files: readonly { class: string; key: string }[],
  wanted: Wanted,
  signal: AbortSignal | undefined,
  deleted = false,
): AsyncGenerator<Entry, void, undefined> {
  const { className, tenant, range, what } = wanted;
  const inRange = (id: string): boolean =>
    (range.after === undefined || id > range.after) && (range.upTo === undefined || id <= range.upTo);
  for (const { class: name, key } of files) {
    if (name !== className) continue;
    const file = await VectorFile.open(layer.store, `${layer.root}${key}`, signal);
    for (let i = 0; i < file.rowGroups; i++) {
      if (!file.mayHold(i, tenant, range)) continue;
      if (what === 'all') {
        for (const row of await file.group(i)) {
          if (row.tenant === tenant && inRange(row.object.id))
            yield { id: row.object.id, object: row.object };
        }
        continue;
      }
      for (const { id, updated, tenant: own } of await file.times(i)) {
        if (own !== tenant || !inRange(id)) continue;
        yield { id, object: deleted ? undefined : { id, created: 0, updated, properties: {} } };
      }
    }
  }
}
