import type { Location } from '../../stores/open.ts';
import type { LakeReader } from '../client/reader.ts';
import { Committed } from '../metadata/committed.ts';
import { apiMetadata, type MetadataSource, storeMetadata } from '../metadata/source.ts';
import { TableCache } from '../metadata/table-cache.ts';
import { ApiSnapshot } from './api-snapshot.ts';
import { BranchSnapshot } from './branch-snapshot.ts';
import { isUnreadable, MetadataSnapshot } from './metadata-snapshot.ts';
import type { CommitSnapshot } from './snapshot.ts';

export interface OpenSnapshotOptions {
  /**
   * Where committed metadata is read: through the API (default), from the storage namespace in its bucket, or
   * not at all: then listings and diffs answer.
   */
  metadata?: 'api' | Location | 'none';
  /** What was told of the commit and its repository before; what is not known is asked for. */
  known?: { metaRangeId?: string; namespace?: string; presign?: boolean };
  /** Told, once, why metadata cannot be read and the API answers instead. */
  onFallback?: (error: unknown) => void;
  signal?: AbortSignal;
}

/** Tables that snapshots of one repository share, so that parts of a job do not read the same range again. */
const caches = new WeakMap<LakeReader, Map<string, TableCache>>();

/**
 * Opens a commit.
 * @param commitId a full id (`client.commit(repository, ref)` pins one)
 * @throws StoreError NOT_FOUND (repository, commit), UNAUTHENTICATED …
 */
export async function openSnapshot(
  client: LakeReader,
  repository: string,
  commitId: string,
  options: OpenSnapshotOptions = {},
): Promise<CommitSnapshot> {
  const { metadata = 'api', known = {}, onFallback = () => {}, signal } = options;
  const api = new ApiSnapshot(client, repository, commitId);
  if (metadata === 'none') return api;
  const [metaRangeId, storageNamespace] = await Promise.all([
    known.metaRangeId ?? client.commit(repository, commitId, { signal }).then((is) => is.meta_range_id),
    known.namespace ?? client.repository(repository, { signal }).then((is) => is.storage_namespace),
  ]);
  const namespace = storageNamespace.replace(/\/+$/, '');
  try {
    const tables =
      metadata === 'api'
        ? sharedTables(client, repository, () => apiMetadata(client, repository, known.presign))
        : new TableCache(storeMetadata(metadata));
    let committed = await Committed.open(tables, metaRangeId, namespace, signal);
    if (namespace.startsWith('local:')) {
      const root = await localRoot(client, api, committed, signal);
      committed = new Committed(committed.ranges, root, tables);
    }
    return new MetadataSnapshot(committed, api, onFallback);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    onFallback(error);
    return api;
  }
}

/** Opens a branch with what is staged on it. @throws StoreError NOT_FOUND (repository, branch) … */
export async function openBranchSnapshot(
  client: LakeReader,
  repository: string,
  branch: string,
  options: OpenSnapshotOptions = {},
): Promise<CommitSnapshot> {
  const { commit_id } = await client.branch(repository, branch, { signal: options.signal });
  return new BranchSnapshot(client, await openSnapshot(client, repository, commit_id, options), branch);
}

function sharedTables(client: LakeReader, repository: string, source: () => MetadataSource): TableCache {
  let ofClient = caches.get(client);
  if (!ofClient) {
    ofClient = new Map();
    caches.set(client, ofClient);
  }
  let tables = ofClient.get(repository);
  if (!tables) {
    tables = new TableCache(source());
    ofClient.set(repository, tables);
  }
  return tables;
}

/** `local://` names a folder that only the server knows; the whole address of one object tells which. */
async function localRoot(
  client: LakeReader,
  api: ApiSnapshot,
  committed: Committed,
  signal?: AbortSignal,
): Promise<string> {
  const base = `${committed.namespace}/`;
  for await (const batch of committed.scan({ signal })) {
    const entry = batch.find(({ physicalAddress }) => physicalAddress.startsWith(base));
    if (!entry) continue;
    const { physicalAddress } = await client.stat(api.repository, api.ref, entry.path, { signal });
    const inside = entry.physicalAddress.slice(committed.namespace.length);
    if (physicalAddress.endsWith(inside)) return physicalAddress.slice(0, -inside.length);
    break;
  }
  return committed.namespace;
}
