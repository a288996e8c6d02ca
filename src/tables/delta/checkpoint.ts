import { SluiceError } from '../../base/errors.ts';
import type { Store } from '../../stores/store.ts';
import type { Action, Add, Sidecar } from './actions.ts';
import { parseAction } from './actions.ts';
import { linesOf } from './lines.ts';
import { parquetRows } from './parquet-file.ts';
import { decodePath, isAbsolute } from './paths.ts';
import { type Checkpoint, logFolder } from './segment.ts';
import { statsJson } from './stats.ts';

const COLUMNS = ['add', 'remove', 'metaData', 'protocol', 'txn', 'domainMetadata', 'sidecar'];
const FILE_COLUMNS = ['add', 'remove'];

/**
 * Every action of a checkpoint: classic, multi-part or v2 with its sidecars (protocol, "Checkpoints"). Those of a
 * Parquet row group are in memory at once.
 * @param root the table's folder: '' or ending with '/'
 */
export async function* checkpointActions(
  store: Store,
  root: string,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): AsyncGenerator<Action[]> {
  for (const file of checkpoint.files) {
    const sidecars: Sidecar[] = [];
    const batches = file.key.endsWith('.json')
      ? jsonBatches(store, file.key, signal)
      : parquetBatches(store, file, COLUMNS, signal);
    for await (const batch of batches) {
      for (const action of batch) if (action.sidecar) sidecars.push(action.sidecar);
      yield batch;
    }
    for (const sidecar of sidecars) {
      yield* parquetBatches(store, sidecarFile(root, sidecar), FILE_COLUMNS, signal);
    }
  }
}

function sidecarFile(root: string, sidecar: Sidecar): { key: string; size: number } {
  if (isAbsolute(sidecar.path)) {
    throw new SluiceError(
      'UNSUPPORTED',
      `The checkpoint's sidecar ${sidecar.path} lies outside the table, where this commit does not pin it.`,
    );
  }
  return {
    key: `${logFolder(root)}_sidecars/${decodePath(sidecar.path)}`,
    size: Number(sidecar.sizeInBytes),
  };
}

async function* jsonBatches(
  store: Store,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Action[]> {
  const { body } = await store.get(key, { signal });
  for await (const lines of linesOf(body)) yield lines.map((line) => parseAction(line, key));
}

async function* parquetBatches(
  store: Store,
  file: { key: string; size: number },
  columns: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Action[]> {
  for await (const rows of parquetRows(store, file, columns, signal)) yield rows.map(asAction);
}

/** A row has one action in the column of its name; the other columns are empty. */
function asAction(row: Record<string, unknown>): Action {
  for (const [name, value] of Object.entries(row)) {
    if (value === undefined || value === null) continue;
    const fields = value as Record<string, unknown>;
    if (name === 'add') {
      const { stats_parsed: parsed, partitionValues_parsed: _parsed, ...rest } = fields;
      const add = plain(rest) as unknown as Add;
      if (add.stats === undefined && parsed) add.stats = statsJson(parsed as Record<string, unknown>);
      return { add };
    }
    return { [name]: plain(fields) };
  }
  return {};
}

/** 64-bit integers as numbers, no empty fields: as the same action reads from JSON. */
function plain(fields: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    result[name] =
      typeof value === 'bigint'
        ? Number(value)
        : typeof value === 'object' && !Array.isArray(value) && !IS_MAP.has(name)
          ? plain(value as Record<string, unknown>)
          : value;
  }
  return result;
}

/** Maps keep their null values: a partition's value may be null. */
const IS_MAP = new Set(['partitionValues', 'tags', 'configuration', 'options']);
