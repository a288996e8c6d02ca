import { pathFilter } from '../../base/glob.ts';
import type { JobContext } from '../../jobs/kind.ts';
import { hashObject } from '../../stores/hash.ts';
import type { ObjectInfo } from '../../stores/store.ts';
import type { LakeEntry } from '../client/entry.ts';
import { isOfUsualParts } from './combined.ts';
import { type PinnedExport, pinSource } from './pinned.ts';
import { compareClosely, compareContent, md5Of } from './sameness.ts';
import { clientFor, Session } from './session.ts';
import type { LakeExportSpec } from './spec.ts';
import { destinationObjects, headOf, type KeyRange, walk } from './walk.ts';

/** How a path of the ref and the destination fails to agree. `incomparable`: equal sizes, no common hash. */
export type DifferenceKind = 'missing' | 'different' | 'extra' | 'incomparable';

export interface Difference {
  /** The lake's path; for `extra` the destination's key below its folder. */
  path: string;
  difference: DifferenceKind;
  /** Bytes at the source and at the destination. */
  size?: number;
  destinationSize?: number;
}

export interface Verification {
  pinned: PinnedExport;
  compared: number;
  same: number;
  missing: number;
  different: number;
  extra: number;
  incomparable: number;
  /** Bytes of the objects compared. */
  bytes: number;
}

const RANGE_TARGET = 50_000;

export interface VerifyOptions {
  /** Reads what the listings cannot compare and hashes it. A folder is always read. */
  deep?: boolean;
  show(difference: Difference): void | Promise<void>;
}

/** Compares a lake's ref with what lies at a destination. Reads only; several key ranges at once. */
export async function verifyExport(
  spec: LakeExportSpec,
  context: JobContext,
  options: VerifyOptions,
): Promise<Verification> {
  const client = clientFor(spec, context);
  const pinned = await pinSource(spec, client, context).finally(() => client.close());
  const session = await Session.open(pinned, context);
  const result: Verification = {
    pinned,
    compared: 0,
    same: 0,
    missing: 0,
    different: 0,
    extra: 0,
    incomparable: 0,
    bytes: 0,
  };
  const run = new RangeVerifier(session, pinned, context, options, result);
  const running = new Set<Promise<void>>();
  try {
    for await (const range of session.split(RANGE_TARGET, context.signal)) {
      const work = run.range(range).finally(() => running.delete(work));
      // Its failure comes out of the race, or at the end; the next range may take long to come.
      work.catch(() => {});
      running.add(work);
      if (running.size >= 4) await Promise.race(running);
    }
    if (running.size === 0 && result.compared === 0) await run.range({});
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
    await session.close();
  }
  return result;
}

class RangeVerifier {
  readonly #session: Session;
  readonly #pinned: PinnedExport;
  readonly #context: JobContext;
  readonly #options: VerifyOptions;
  readonly #result: Verification;
  readonly #takes: (path: string) => boolean;

  constructor(
    session: Session,
    pinned: PinnedExport,
    context: JobContext,
    options: VerifyOptions,
    result: Verification,
  ) {
    this.#session = session;
    this.#pinned = pinned;
    this.#context = context;
    this.#options = options;
    this.#result = result;
    this.#takes = pathFilter(pinned.spec.filters);
  }

  async range(range: KeyRange): Promise<void> {
    const { placement } = this.#session;
    const { signal } = this.#context;
    const prefix = placement.folder + this.#pinned.spec.prefix;
    const objects = destinationObjects(placement, range, prefix, signal);
    for await (const pairs of walk(this.#session.entries(range, signal), objects, placement)) {
      const closer: Promise<void>[] = [];
      const look = (work: () => Promise<void>): void => {
        const looking = this.#context.slots.run(work);
        // Its failure comes out where all are waited for; before that, what was found is shown.
        looking.catch(() => {});
        closer.push(looking);
      };
      for (const { entry, object } of pairs) {
        const path = entry?.path ?? placement.folder + object!.key.slice(placement.root.length);
        if (!this.#takes(path)) continue;
        if (!entry) await this.#differs(path, 'extra', undefined, object!.size);
        else if (!object) look(() => this.#lookForUnlisted(entry));
        else if (compareContent(entry, object) === 'same') this.#same(entry);
        else look(() => this.#look(entry, object));
        if (closer.length >= 256) await Promise.all(closer.splice(0));
      }
      await Promise.all(closer);
    }
  }

  /** Some stores never list `a/b` beside an object `a`, and yet have it. */
  async #lookForUnlisted(entry: LakeEntry): Promise<void> {
    const object = await headOf(this.#session.placement, entry.path, this.#context.signal);
    if (object) await this.#look(entry, object);
    else await this.#differs(entry.path, 'missing', entry.size);
  }

  async #look(entry: LakeEntry, object: ObjectInfo): Promise<void> {
    const { store } = this.#session.placement;
    let comparison = await compareClosely(entry, object, store, this.#context.signal);
    const md5 = md5Of(entry);
    const { signal } = this.#context;
    const readable = this.#options.deep || store.kind === 'file';
    if (comparison === 'unknown' && md5 !== undefined && readable) {
      comparison = (await hashObject(store, object.key, { signal })).md5 === md5 ? 'same' : 'different';
    }
    if (comparison === 'different' && md5 !== undefined && entry.size === object.size) {
      // The checksum may be of parts; then the bytes of usual parts prove it, and nothing else can.
      const ofParts = async () => isOfUsualParts(entry, (await store.get(object.key, { signal })).body);
      if (readable && (await ofParts())) comparison = 'same';
      else if (await this.#session.isOfParts(entry, signal)) comparison = 'unknown';
    }
    if (comparison === 'same') this.#same(entry);
    else
      await this.#differs(
        entry.path,
        comparison === 'different' ? 'different' : 'incomparable',
        entry.size,
        object.size,
      );
  }

  #same(entry: LakeEntry): void {
    this.#result.compared++;
    this.#result.same++;
    this.#result.bytes += entry.size;
  }

  async #differs(
    path: string,
    difference: DifferenceKind,
    size?: number,
    destinationSize?: number,
  ): Promise<void> {
    this.#result.compared++;
    this.#result[difference]++;
    await this.#options.show({ path, difference, size, destinationSize });
  }
}
