import { isError } from '../../base/errors.ts';
import { readAll } from '../../stores/read.ts';
import type { Store } from '../../stores/store.ts';
import { REMOVING, type Removed, removeObjects, type StoredExport } from '../../stores/stored-export.ts';
import type { ExportMetadata } from '../chain.ts';
import { REPORT_FILE } from './finish.ts';
import { METADATA_FILE, OWN_FOLDER } from './pinned.ts';

type Metadata = ExportMetadata & { completedAt: string };

/**
 * The export of vectors in a folder, when Sluice wrote it and it is complete.
 * @param root the folder, ending with '/'
 */
export async function storedVectorExport(
  store: Store,
  root: string,
  signal?: AbortSignal,
): Promise<StoredExport | undefined> {
  const whole = await readMetadata(store, `${root}${METADATA_FILE}`, signal);
  const metadata = whole ?? (await readMetadata(store, `${root}${REMOVING}`, signal));
  if (!metadata) return undefined;
  const report = await readJson<{ source?: string }>(store, `${root}${REPORT_FILE}`, signal);
  return {
    kind: 'vector-export',
    at: Date.parse(metadata.completedAt),
    source: `${report?.source ?? ''} ${[...metadata.classes].sort().join(',')}`,
    ...(metadata.since === undefined ? {} : { needs: metadata.since }),
    removing: whole === undefined,
  };
}

/** Removes an export: what its metadata names, and Sluice's own files beside it. Anything else in the folder stays. */
export async function removeVectorExport(store: Store, root: string, signal?: AbortSignal): Promise<Removed> {
  const metadata =
    (await readMetadata(store, `${root}${METADATA_FILE}`, signal)) ??
    (await readMetadata(store, `${root}${REMOVING}`, signal));
  if (!metadata) return { objects: 0, bytes: 0, kept: 0 };
  // First of all nobody must take it for complete any more.
  await store.put(`${root}${REMOVING}`, Buffer.from(JSON.stringify(metadata)), {
    contentType: 'application/json',
  });
  await store.delete(`${root}${METADATA_FILE}`, { signal });
  const files = [...metadata.files, ...(metadata.deleted ?? [])].map(({ key }) => `${root}${key}`);
  await removeObjects(store, files, signal);
  const own: string[] = [];
  for await (const page of store.list({ prefix: `${root}${OWN_FOLDER}`, signal })) {
    own.push(...page.objects.map(({ key }) => key).filter((key) => key !== `${root}${REMOVING}`));
  }
  await removeObjects(store, own, signal);
  await store.delete(`${root}${REMOVING}`, { signal });
  return {
    objects: files.length + own.length + 1,
    bytes: metadata.files.reduce((sum, { bytes }) => sum + bytes, 0),
    kept: 0,
  };
}

/** Weaviate's own exports have a file of this name, too, which names no files. */
async function readMetadata(store: Store, key: string, signal?: AbortSignal): Promise<Metadata | undefined> {
  const metadata = await readJson<Partial<Metadata>>(store, key, signal);
  const ours =
    Array.isArray(metadata?.files) && Array.isArray(metadata.classes) && metadata.layout !== undefined;
  return ours ? (metadata as Metadata) : undefined;
}

async function readJson<T>(store: Store, key: string, signal?: AbortSignal): Promise<T | undefined> {
  try {
    const { body } = await store.get(key, { signal });
    return JSON.parse((await readAll(body)).toString()) as T;
  } catch (error) {
    if (isError(error, 'NOT_FOUND') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
