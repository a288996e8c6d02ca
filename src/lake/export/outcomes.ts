import { once } from 'node:events';
import { createGzip, type Gzip } from 'node:zlib';
import type { Store } from '../../stores/store.ts';

/** What became of one object. `kept`: a delete that was not done, because the object is not the exported one. */
export type OutcomeKind = 'copied' | 'unchanged' | 'deleted' | 'kept' | 'skipped' | 'failed' | 'unverified';

export interface ObjectOutcome {
  path: string;
  outcome: OutcomeKind;
  /** Bytes. */
  size?: number;
  /** How its bytes went: copy, store, presign, lakefs. */
  via?: string;
  /** Code and sentence, for failed, skipped and kept. */
  code?: string;
  reason?: string;
}

/** Where outcomes go: the report of a run, or the screen of a dry one. */
export interface OutcomeSink {
  add(outcome: ObjectOutcome): void;
  /** Waits where the sink is slower than the work. @throws what writing threw */
  flush(): Promise<void>;
  close(): Promise<void>;
  /** Leaves nothing behind, for a part that will be run again. */
  discard(): Promise<void>;
}

interface Upload {
  gzip: Gzip;
  /** Resolves however it ended. */
  over: Promise<unknown>;
}

/**
 * Writes outcomes as compressed JSON lines into one object of the report, while the work goes on. Nothing is
 * held but the store's own upload buffer; a part that has nothing to say leaves no object.
 */
export class OutcomeWriter implements OutcomeSink {
  readonly key: string;
  readonly #store: Store;
  readonly #replaces: boolean;
  readonly #signal: AbortSignal | undefined;
  #upload: Upload | undefined;
  #pending = '';
  #failure: unknown;

  /** @param options.replaces an earlier attempt may have left lines there: writes the object even without any */
  constructor(store: Store, key: string, options: { replaces?: boolean; signal?: AbortSignal } = {}) {
    this.key = key;
    this.#store = store;
    this.#replaces = options.replaces ?? false;
    this.#signal = options.signal;
  }

  add(outcome: ObjectOutcome): void {
    this.#pending += `${JSON.stringify(outcome)}\n`;
  }

  async flush(): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#pending.length < 64 * 1024) return;
    await this.#write();
  }

  async close(): Promise<void> {
    if (!this.#failure) await this.#write();
    this.#upload?.gzip.end();
    await this.#upload?.over;
    if (this.#failure) throw this.#failure;
  }

  async discard(): Promise<void> {
    this.#upload?.gzip.destroy(new Error('discarded'));
    await this.#upload?.over;
  }

  async #write(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (text === '' && !this.#replaces) return;
    this.#upload ??= this.#begin();
    const { gzip, over } = this.#upload;
    if (!gzip.write(text)) await Promise.race([once(gzip, 'drain'), over]);
  }

  #begin(): Upload {
    const gzip = createGzip({ level: 4 });
    // The failure comes out at the next write or at close.
    gzip.on('error', () => {});
    const over = this.#store
      .put(this.key, gzip, { contentType: 'application/gzip', signal: this.#signal })
      .catch((error: unknown) => {
        this.#failure = error;
        gzip.destroy();
      });
    return { gzip, over };
  }
}
