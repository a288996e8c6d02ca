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

/**
 * Writes outcomes as compressed JSON lines into one object of the report, while the work goes on. Nothing is
 * held but the store's own upload buffer.
 */
export class OutcomeWriter implements OutcomeSink {
  readonly key: string;
  #gzip: Gzip;
  #upload: Promise<unknown>;
  #pending = '';
  #failure: unknown;

  constructor(store: Store, key: string, signal?: AbortSignal) {
    this.key = key;
    this.#gzip = createGzip({ level: 4 });
    this.#upload = store
      .put(key, this.#gzip, { contentType: 'application/gzip', signal })
      .catch((error: unknown) => {
        this.#failure = error;
        this.#gzip.destroy();
      });
    // The failure comes out at the next write or at close.
    this.#gzip.on('error', () => {});
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
    this.#gzip.end();
    await this.#upload;
    if (this.#failure) throw this.#failure;
  }

  async discard(): Promise<void> {
    this.#gzip.destroy(new Error('discarded'));
    await this.#upload;
  }

  async #write(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (text !== '' && !this.#gzip.write(text)) await Promise.race([once(this.#gzip, 'drain'), this.#upload]);
  }
}
