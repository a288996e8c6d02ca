import { isError } from '../../base/errors.ts';
import type { WeaviateClient } from '../weaviate/client.ts';

/** Most objects a server lists by their time of update, where it is not set otherwise (QUERY_MAXIMUM_RESULTS). */
export const MOST_LISTED = 10_000;

export interface Updated {
  id: string;
  /** Milliseconds since 1970. */
  updated: number;
}

/** What was updated since a time, class by class and tenant by tenant, each asked once. */
export class Updates {
  readonly #client: WeaviateClient;
  readonly #since: number;
  readonly #signal: AbortSignal;
  /** The last answer: the parts of a class, or of a tenant, come one after the other. */
  #asked: { of: string; answer: Promise<Updated[] | 'many'> } | undefined;
  /** How many there were in all; of a tenant (or class) at most MOST_LISTED are counted. */
  found = 0;

  /** @param since milliseconds since 1970, by the server's clock */
  constructor(client: WeaviateClient, since: number, signal: AbortSignal) {
    this.#client = client;
    this.#since = since;
    this.#signal = signal;
  }

  /** By id; `many` when there are more than a server lists. */
  async of(className: string, tenant: string | undefined): Promise<Updated[] | 'many'> {
    const of = JSON.stringify([className, tenant]);
    if (this.#asked?.of !== of) this.#asked = { of, answer: this.#ask(className, tenant) };
    return this.#asked.answer;
  }

  async #ask(className: string, tenant: string | undefined): Promise<Updated[] | 'many'> {
    const list = async (limit: number): Promise<Updated[]> => {
      const newest = await this.#client.newest(className, { tenant, limit }, this.#signal);
      return newest.filter((object) => object.updated >= this.#since);
    };
    try {
      if ((await list(1)).length === 0) return [];
      const found = await list(MOST_LISTED);
      this.found += found.length;
      return found.length === MOST_LISTED ? 'many' : found.sort((a, b) => (a.id < b.id ? -1 : 1));
    } catch (error) {
      // A tenant that has gone since: its part has said what there is to say.
      if (isError(error, 'NOT_FOUND', 'CONFLICT')) return [];
      // A server that is set to list fewer.
      if (isError(error) && /maximum results/i.test(error.message)) {
        this.found++;
        return 'many';
      }
      throw error;
    }
  }
}
