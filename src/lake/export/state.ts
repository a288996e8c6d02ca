import { isError, SluiceError } from '../../base/errors.ts';
import { readAll } from '../../stores/read.ts';
import type { Store } from '../../stores/store.ts';
import type { LakeExportSpec } from './spec.ts';

/**
 * What the destination remembers of one export, in `_sluice/<name>/state.json`: the last commit that arrived
 * whole, and those of runs since then that may have arrived in part. Deletes and `--since last` go by it.
 */
export interface ExportState {
  version: 1;
  repository: string;
  /** The repository's storage namespace: tells two repositories of the same name on two servers apart. */
  namespace: string;
  folder: string;
  /** What of the source is taken: prefix and filters as one text. */
  selection: string;
  /** The commit that was exported last, whole; absent before the first success. */
  commit?: string;
  ref?: string;
  /** True when what was staged on the branch went along. */
  uncommitted?: boolean;
  job?: string;
  /** ISO time of that export's end. */
  exportedAt?: string;
  /** Commits of runs that began and did not end well since `commit`; their objects may be at the destination. */
  pending: string[];
}

/** Everything of Sluice's own at a destination, but for the markers; relative to its root. */
export const OWN_FOLDER = '_sluice/';

/** What one export keeps there. */
export function ownFolder(name: string): string {
  return `${OWN_FOLDER}${name}/`;
}

/** Whether a key, relative to the destination's root, is a state, a report or a marker rather than data. */
export function isOwnKey(key: string): boolean {
  return key.startsWith(OWN_FOLDER) || /^EXPORT_[^/]*_(?:SUCCESS|FAILURE)$/.test(key);
}

export function selectionOf(spec: LakeExportSpec): string {
  return JSON.stringify({ prefix: spec.prefix, filters: spec.filters });
}

export interface StoredState {
  state: ExportState;
  etag?: string;
}

/**
 * @param root the destination's folder, '' or ending with '/'
 * @returns undefined when nothing was exported here under this name
 * @throws SluiceError CORRUPT when there is a state that cannot be read
 */
export async function readState(store: Store, root: string, name: string): Promise<StoredState | undefined> {
  const key = `${root}${ownFolder(name)}state.json`;
  try {
    const { info, body } = await store.get(key);
    const state = JSON.parse((await readAll(body, 1 << 20)).toString('utf8')) as ExportState;
    if (state.version !== 1 || !Array.isArray(state.pending)) throw new SyntaxError('unknown version');
    return { state, etag: info.etag };
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return undefined;
    if (error instanceof SyntaxError) {
      throw new SluiceError(
        'CORRUPT',
        `The state of the earlier export, ${key}, cannot be read (${error.message}). Give this export another --name, or remove that object to begin anew.`,
        { retryable: false },
      );
    }
    throw error;
  }
}

export async function writeState(
  store: Store,
  root: string,
  name: string,
  state: ExportState,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(state, null, 2)}\n`);
  await store.put(`${root}${ownFolder(name)}state.json`, bytes, { contentType: 'application/json' });
}
