import type { ItemFailure } from '../../jobs/part.ts';
import { MAX_FAILURES_KEPT } from '../../jobs/part.ts';
import type { FileRow } from '../layouts/file.ts';
import { jsonText } from '../layouts/typed.ts';
import { floatsOf, toBeacon } from '../object.ts';
import type { ImportPlace } from './pinned.ts';

/** The objects of a part that the server did not take: a file of JSON lines, each with the server's reason. */
export class Rejects {
  readonly failures: ItemFailure[] = [];
  readonly #place: ImportPlace;
  readonly #partId: string;
  readonly #className: string;
  #lines: string[] = [];

  constructor(place: ImportPlace, partId: string, className: string) {
    this.#place = place;
    this.#partId = partId;
    this.#className = className;
  }

  add({ object, tenant }: FileRow, reason: string): void {
    const item = `${this.#className}/${tenant === undefined ? '' : `${tenant}/`}${object.id}`;
    if (this.failures.length < MAX_FAILURES_KEPT) {
      this.failures.push({ item, code: 'BAD_SPEC', message: reason });
    }
    const { vector, vectors, multiVectors, references } = object;
    this.#lines.push(
      jsonText({
        error: reason,
        class: this.#className,
        tenant,
        id: object.id,
        properties: {
          ...object.properties,
          ...mapValues(references, (list) => list.map((each) => ({ beacon: toBeacon(each) }))),
        },
        vector: vector && [...floatsOf(vector)],
        vectors: {
          ...mapValues(vectors, (bytes) => [...floatsOf(bytes)]),
          ...mapValues(multiVectors, (list) => list.map((bytes) => [...floatsOf(bytes)])),
        },
      }),
    );
  }

  /** Writes the file, if there is anything to write; one that an earlier try of the part left goes away. */
  async write(signal: AbortSignal): Promise<void> {
    const key = `${this.#place.root}rejected/${this.#partId}.jsonl`;
    if (this.#lines.length === 0) await this.#place.reports.delete(key, { signal });
    else {
      await this.#place.reports.put(key, Buffer.from(`${this.#lines.join('\n')}\n`), {
        contentType: 'application/jsonl',
        signal,
      });
    }
  }
}

function mapValues<T>(values: Record<string, T> | undefined, convert: (value: T) => unknown): object {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, convert(value)]));
}
