import { SluiceError } from '../../base/errors.ts';
import type { PartContext } from '../../jobs/kind.ts';
import type { PartResult } from '../../jobs/part.ts';
import { differences } from '../compare.ts';
import { type FileRow, VectorFile } from '../layouts/file.ts';
import type { VectorObject } from '../object.ts';
import { readObjects } from '../read.ts';
import { type ClassSchema, isMultiTenant, isReference } from '../schema.ts';
import { rangeOf } from '../uuid.ts';
import { toBatchObject } from './batch-object.ts';
import { type ImportPlace, type PinnedImport, targetSchema } from './pinned.ts';
import { Rejects } from './rejects.ts';
import { makeTenants } from './tenants.ts';

/** Of one request. */
const BATCH_ROWS = 500;
const BATCH_BYTES = 8 * 1024 * 1024;
/** Requests under way at once in a part. */
const AT_ONCE = 3;

/** What a server says of single objects when it, or a node it needs, is not well: nothing about the objects. */
const PASSING =
  /resolve node name|deadline exceeded|connection (?:refused|reset)|unavailable|read-only|shutting down|leader not found/i;

/** Writes row groups `from` to `to` of a file, in batches; what is there already is treated as the spec says. */
export async function importObjects(
  { file: index, from, to }: { file: number; from: number; to: number },
  partId: string,
  pinned: PinnedImport,
  place: ImportPlace,
  context: PartContext,
): Promise<PartResult> {
  const file = pinned.files[index]!;
  const schema = targetSchema(pinned, file.class);
  const rejects = new Rejects(place, partId, schema.class);
  const source = await VectorFile.open(place.source, file.key, context.signal);
  const counts = { objects: 0, skipped: 0, failed: 0 };
  const { onConflict } = pinned.spec;
  // An object that is there although the class was empty was written by an earlier try of this part.
  const look = onConflict !== 'overwrite' && !pinned.classes[file.class]!.empty;
  const sending = new Set<Promise<void>>();
  const stop = new AbortController();
  let failure: unknown;

  const send = async (batch: FileRow[]): Promise<void> => {
    const objects = batch.map(({ object, tenant }) => toBatchObject(schema, object, tenant, false));
    const refused = await place.client.insert(objects, AbortSignal.any([context.signal, stop.signal]));
    const [passing] = refused.filter(({ error }) => PASSING.test(error));
    if (passing) throw new SluiceError('UNAVAILABLE', `Weaviate took not all objects: ${passing.error}`);
    for (const { index: at, error } of refused) {
      const row = batch[at];
      if (row) rejects.add(row, error);
    }
    counts.failed += refused.length;
    counts.objects += batch.length - refused.length;
    context.progress({ objects: batch.length - refused.length, failed: refused.length });
  };

  try {
    for (let group = from; group < to && failure === undefined; group++) {
      let rows = await source.group(group);
      if (isMultiTenant(schema)) await makeTenants(place.client, schema.class, rows, context.signal);
      if (look) {
        const sorted = await sortOut(rows, schema, place, context);
        counts.skipped += sorted.same.length;
        if (onConflict === 'skip') counts.skipped += sorted.other.length;
        else {
          for (const row of sorted.other)
            rejects.add(row, 'another object with this UUID is there (--on-conflict)');
          counts.failed += sorted.other.length;
        }
        rows = sorted.fresh;
      }
      for (const batch of batches(rows)) {
        const sent: Promise<void> = send(batch)
          .catch((error: unknown) => {
            failure ??= error;
          })
          .finally(() => sending.delete(sent));
        sending.add(sent);
        if (sending.size >= AT_ONCE) await Promise.race(sending);
        if (failure !== undefined) break;
      }
    }
    await Promise.all(sending);
  } finally {
    stop.abort();
  }
  if (failure !== undefined) throw failure;
  await rejects.write(context.signal);
  return { counts, failures: rejects.failures };
}

/** Rows by what the Weaviate has under their UUIDs: nothing, the same, another object. */
async function sortOut(
  rows: FileRow[],
  schema: ClassSchema,
  place: ImportPlace,
  context: PartContext,
): Promise<{ fresh: FileRow[]; same: FileRow[]; other: FileRow[] }> {
  const sorted: { fresh: FileRow[]; same: FileRow[]; other: FileRow[] } = { fresh: [], same: [], other: [] };
  const byTenant = Map.groupBy(rows, (row) => row.tenant);
  for (const [tenant, own] of byTenant) {
    const there = await objectsThere(own, tenant, schema, place, context);
    for (const row of own) {
      const known = there.get(row.object.id);
      if (!known) sorted.fresh.push(row);
      else if (differences({ ...row.object, references: undefined }, known).length === 0)
        sorted.same.push(row);
      else sorted.other.push(row);
    }
  }
  return sorted;
}

/** The objects of these UUIDs, without references: read between the lowest and the highest. */
async function objectsThere(
  rows: FileRow[],
  tenant: string | undefined,
  schema: ClassSchema,
  place: ImportPlace,
  context: PartContext,
): Promise<Map<string, VectorObject>> {
  const ids = rows.map((row) => row.object.id).sort();
  const wanted = new Set(ids);
  const found = new Map<string, VectorObject>();
  const properties = (schema.properties ?? []).filter((property) => !isReference(property));
  const pages = readObjects(place.client, schema, {
    tenant,
    range: rangeOf(ids[0]!, ids.at(-1)!),
    expected: ids.length,
    wanted: { properties, vectors: true },
    signal: context.signal,
  });
  for await (const page of pages) {
    for (const object of page) if (wanted.has(object.id)) found.set(object.id, object);
  }
  return found;
}

function* batches(rows: FileRow[]): Generator<FileRow[]> {
  let batch: FileRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    batch.push(row);
    bytes += sizeOf(row.object);
    if (batch.length < BATCH_ROWS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** About how many bytes an object takes in a message. */
function sizeOf(object: VectorObject): number {
  let size = 64 + (object.vector?.length ?? 0);
  for (const vector of Object.values(object.vectors ?? {})) size += vector.length;
  for (const list of Object.values(object.multiVectors ?? {})) for (const each of list) size += each.length;
  for (const value of Object.values(object.properties)) {
    size += typeof value === 'string' ? value.length : typeof value === 'object' ? 256 : 16;
  }
  return size;
}
