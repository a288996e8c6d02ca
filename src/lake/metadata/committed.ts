import { isError } from '../../base/errors.ts';
import { checkSignal } from '../../stores/checks.ts';
import type { LakeEntry } from '../client/entry.ts';
import { boundsOf, contains, type KeyWindow, overlaps } from './bounds.ts';
import { EntryDecoder, expectType, type RangeInfo, readMetaRange } from './records.ts';
import type { KeyBounds, SSTable } from './sstable.ts';
import type { TableCache } from './table-cache.ts';

/** Entries of one batch, roughly. */
const BATCH = 1000;

export interface ScanOptions extends KeyWindow {
  signal?: AbortSignal;
}

/** The metadata of one commit: its ranges, and the entries that they hold. */
export class Committed {
  /** In key order. */
  readonly ranges: readonly RangeInfo[];
  readonly namespace: string;
  readonly #tables: TableCache;

  constructor(ranges: readonly RangeInfo[], namespace: string, tables: TableCache) {
    this.ranges = ranges;
    this.namespace = namespace;
    this.#tables = tables;
  }

  /**
   * @param metaRangeId a commit's `meta_range_id`; '' is a commit without objects
   * @param namespace what relative addresses begin with, without a '/' at its end
   * @throws SluiceError CORRUPT, NOT_FOUND, ACCESS_DENIED and what else the source throws
   */
  static async open(
    tables: TableCache,
    metaRangeId: string,
    namespace: string,
    signal?: AbortSignal,
  ): Promise<Committed> {
    const ranges =
      metaRangeId === '' ? [] : readMetaRange(await tables.get('meta_range', metaRangeId, signal));
    return new Committed(ranges, namespace, tables);
  }

  /** All entries of one range, in key order, in batches. @param id one of `ranges` */
  entries(id: string, signal?: AbortSignal): AsyncGenerator<LakeEntry[]> {
    return this.#scan(
      this.ranges.filter((range) => range.id === id),
      {},
      signal,
    );
  }

  /** Entries within a window, in key order, in batches; the next range is read while one is gone through. */
  scan(options: ScanOptions = {}): AsyncGenerator<LakeEntry[]> {
    const bounds = boundsOf(options);
    return this.#scan(
      this.ranges.filter((range) => overlaps(range, bounds)),
      bounds,
      options.signal,
    );
  }

  /** The paths of one range within a window, in key order, in batches. */
  async *paths(range: RangeInfo, window: KeyWindow, signal?: AbortSignal): AsyncGenerator<string[]> {
    const bounds = boundsOf(window);
    const table = await this.table(range, signal);
    for (let block = bounds.lower ? table.seek(bounds.lower) : 0; block < table.blockCount; block++) {
      const paths: string[] = [];
      const more = table.visit(block, bounds, (key, length) => paths.push(key.toString('utf8', 0, length)));
      yield paths;
      if (!more) return;
    }
  }

  /** @throws SluiceError CORRUPT and what the source throws */
  async table(range: RangeInfo, signal?: AbortSignal): Promise<SSTable> {
    const table = await this.#tables.get('range', range.id, signal);
    expectType(table, 'ranges');
    return table;
  }

  async *#scan(
    ranges: readonly RangeInfo[],
    bounds: KeyBounds,
    signal?: AbortSignal,
  ): AsyncGenerator<LakeEntry[]> {
    let ahead: Promise<SSTable> | undefined;
    for (let i = 0; i < ranges.length; i++) {
      checkSignal({ name: this.namespace }, signal);
      const range = ranges[i]!;
      const table = await (ahead ?? this.table(range, signal));
      const next = ranges[i + 1];
      ahead = next && this.table(next, signal);
      // Its failure comes out when its turn comes.
      ahead?.catch(() => {});
      try {
        const decoder = new EntryDecoder(this.namespace);
        const within = contains(bounds, range) ? {} : bounds;
        let batch: LakeEntry[] = [];
        for (let block = within.lower ? table.seek(within.lower) : 0; block < table.blockCount; block++) {
          if (!decoder.addBlock(table, block, within, batch)) break;
          if (batch.length >= BATCH) {
            yield batch;
            batch = [];
          }
        }
        if (batch.length > 0) yield batch;
      } catch (error) {
        if (isError(error, 'CORRUPT')) this.#tables.drop(range.id);
        throw error;
      }
    }
  }
}
