import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { EventHub } from '../jobs/events.ts';

/** As often as running jobs tell how far they are; jobs of other processes are looked at as often. */
const FRESH_MS = 250;
const MOST_KEPT = 500;
/** Larger answers are rare, and memory is not. */
const MOST_BYTES = 256 * 1024;

/**
 * Answers that all who ask the same are given, so that many callers cost the jobs that run beside them little: one
 * that is being made serves those who ask meanwhile, and a quarter second more. None outlives a change that was asked
 * of this service, or that it was told of: a caller always sees what it did.
 */
export class Answers {
  readonly #kept = new Map<string, Promise<Buffer>>();

  constructor(hub: EventHub) {
    void (async () => {
      for await (const event of hub.listen()) if (event.type === 'status') this.clear();
    })();
  }

  /** Forgets all when anything may have been changed, before who asked for it is told. */
  watch(server: FastifyInstance): void {
    server.addHook('onSend', async ({ method }) => {
      if (method !== 'GET' && method !== 'HEAD') this.clear();
    });
  }

  /** Sends what `work` gives. What it gives must follow from the request's path and query alone, whoever asks. */
  async send(
    request: FastifyRequest,
    reply: FastifyReply,
    work: () => Promise<object>,
  ): Promise<FastifyReply> {
    const { url } = request;
    let answer = this.#kept.get(url);
    if (!answer) {
      answer = work().then((result) => Buffer.from(reply.serialize(result) as string));
      this.#keep(url, answer);
    }
    return reply.type('application/json; charset=utf-8').send(await answer);
  }

  clear(): void {
    this.#kept.clear();
  }

  #keep(url: string, answer: Promise<Buffer>): void {
    if (this.#kept.size >= MOST_KEPT) return;
    this.#kept.set(url, answer);
    // Another may have taken its place meanwhile.
    const drop = (): void => {
      if (this.#kept.get(url) === answer) this.#kept.delete(url);
    };
    answer.then((made) => {
      if (made.length > MOST_BYTES) drop();
      else setTimeout(drop, FRESH_MS).unref();
    }, drop);
  }
}
