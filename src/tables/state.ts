import { isError, SluiceError } from '../base/errors.ts';
import { readAll } from '../stores/read.ts';
import type { Store } from '../stores/store.ts';
import type { Exported } from './method.ts';

export type TableStatus = 'TRANSFERRING' | 'SUCCESS' | 'FAILED' | 'DROPPED';

/** What is known of one table of one branch, kept beside the tables so that any machine can go on from it. */
export interface TableState {
  format: 1;
  table: string;
  repository: string;
  branch: string;
  /** Where the table is. */
  location: string;
  status: TableStatus;
  /** The commit of the newest attempt. */
  commit: string;
  /** ISO time of the newest attempt. */
  updatedAt: string;
  /** Its job. */
  job: string;
  /** Why the newest attempt failed. */
  error?: { code: string; message: string };
  /** Attempts that failed since the last success. */
  failures?: number;
  /** The newest that succeeded. */
  exported?: Exported;
  /** The table's full name in the catalog. */
  registered?: string;
  /** What its readers may stumble over. */
  warnings?: string[];
}

/** The folder of Sluice's own objects under a target's base, ending with '/'. */
export function stateFolder(base: string, branch: string): string {
  return `${base}_sluice/${branch}/`;
}

/** States of one branch. */
export class TableStates {
  readonly #store: Store;
  readonly #folder: string;

  /** @param base the base location's folder: '' or ending with '/' */
  constructor(store: Store, base: string, branch: string) {
    this.#store = store;
    this.#folder = stateFolder(base, branch);
  }

  async read(table: string, signal?: AbortSignal): Promise<TableState | undefined> {
    try {
      const { body } = await this.#store.get(this.#key(table), { signal });
      return parseState((await readAll(body)).toString('utf8'), this.#key(table));
    } catch (error) {
      if (isError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async write(state: TableState, signal?: AbortSignal): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(state, undefined, 1)}\n`);
    await this.#store.put(this.#key(state.table), bytes, { contentType: 'application/json', signal });
  }

  async list(signal?: AbortSignal): Promise<TableState[]> {
    const states: TableState[] = [];
    try {
      for await (const page of this.#store.list({ prefix: this.#folder, signal })) {
        for (const { key } of page.objects) {
          if (!key.endsWith(SUFFIX)) continue;
          const state = await this.read(key.slice(this.#folder.length, -SUFFIX.length), signal);
          if (state) states.push(state);
        }
      }
    } catch (error) {
      // A folder or bucket that the first export will make, or complain of.
      if (!isError(error, 'NOT_FOUND')) throw error;
    }
    return states;
  }

  #key(table: string): string {
    return `${this.#folder}${table}${SUFFIX}`;
  }
}

const SUFFIX = '.table.json';

function parseState(text: string, key: string): TableState {
  try {
    const state = JSON.parse(text) as TableState;
    if (state.format === 1) return state;
  } catch {
    // Told below.
  }
  throw new SluiceError(
    'CORRUPT',
    `${key} is no table state that this version of Sluice knows. Move it away to export the table anew.`,
    { retryable: false },
  );
}
