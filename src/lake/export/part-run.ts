import { isError, SluiceError } from '../../base/errors.ts';
import { pathFilter } from '../../base/glob.ts';
import type { PartContext } from '../../jobs/kind.ts';
import type { PartResult } from '../../jobs/part.ts';
import type { ObjectInfo } from '../../stores/store.ts';
import type { LakeEntry } from '../client/entry.ts';
import type { Move } from './mover.ts';
import { type Stage, stageOf } from './order.ts';
import type { OutcomeSink } from './outcomes.ts';
import { pairsOfAll, pairsOfSome, type Wanted } from './pairs.ts';
import type { PartBody, PinnedExport } from './pinned.ts';
import { type Comparison, compareClosely, compareContent, looksExported } from './sameness.ts';
import type { Session } from './session.ts';
import { isOwnKey, OWN_FOLDER } from './state.ts';
import { Tally } from './tally.ts';
import { headOf, type KeyRange, type Pair } from './walk.ts';

/** What a part does to the destination; a dry run only says what it would do. */
export interface Effects {
  /** Puts one entry at its place. */
  move: Move;
  /** Removes one object, if it is still this one. */
  remove(object: ObjectInfo): Promise<void>;
  sink: OutcomeSink;
}

/** Does one part of a lake export: a key range in one stage. */
export class PartRun {
  readonly #session: Session;
  readonly #pinned: PinnedExport;
  readonly #body: PartBody;
  readonly #stage: Stage;
  readonly #context: PartContext;
  readonly #effects: Effects;
  readonly #tally: Tally;
  readonly #takes: (path: string) => boolean;
  #running = 0;
  #idle: (() => void) | undefined;
  #broken: unknown;
  /** The part of the range in which not all was found to be as it should be at the first look. */
  #unsettled: KeyRange | undefined;

  constructor(
    session: Session,
    pinned: PinnedExport,
    body: PartBody,
    effects: Effects,
    context: PartContext,
  ) {
    this.#session = session;
    this.#pinned = pinned;
    this.#body = body;
    this.#stage = body.stage;
    this.#context = context;
    this.#effects = effects;
    this.#tally = new Tally(context, effects.sink);
    this.#takes = pathFilter(pinned.spec.filters);
  }

  async run(): Promise<PartResult> {
    try {
      if (this.#stage === 'deletes') await this.#deleteRemoved();
      else if (this.#body.base !== undefined) await this.#copyChanges(this.#body.base);
      else await this.#copyRange();
      await this.#settle();
      if (this.#pinned.spec.verify && this.#unsettled) await this.#verifyRange(this.#unsettled);
      await this.#effects.sink.close();
      return this.#tally.result();
    } catch (error) {
      await this.#settle().catch(() => {});
      await this.#effects.sink.discard();
      throw error;
    }
  }

  /** Everything of the range: what is missing or different at the destination is copied. */
  async #copyRange(): Promise<void> {
    let { after } = this.#body;
    for await (const pairs of this.#pairs(this.#body)) {
      for (const { entry, object } of pairs) {
        if (!entry) continue;
        if (object && compareContent(entry, object) === 'same') this.#unchanged(entry, object);
        else {
          this.#unsettled ??= { after };
          this.#unsettled.until = entry.path;
          await this.#start(entry, () => (object ? this.#reconcile(entry, object) : this.#copy(entry)));
        }
        after = entry.path;
      }
      await this.#effects.sink.flush();
    }
  }

  /** What differs between two commits. */
  async #copyChanges(base: string): Promise<void> {
    // The first attempt of a plain increment needs no look at the destination: what is there is the base's.
    const blind =
      this.#context.partAttempt === 1 &&
      this.#pinned.spec.onConflict === 'overwrite' &&
      base === this.#pinned.since;
    for await (const changes of this.#session.changes(base, this.#body, this.#context.signal)) {
      for (const { entry, before } of changes) {
        if (!entry || !this.#mine(entry.path)) continue;
        await this.#start(entry, async () => {
          if (blind) return this.#copy(entry);
          const object = await this.#head(entry.path);
          return object ? this.#reconcile(entry, object, before) : this.#copy(entry);
        });
      }
      await this.#effects.sink.flush();
    }
  }

  /** What the base had, this commit has not, and is still at the destination as it was exported. */
  async #deleteRemoved(): Promise<void> {
    const { store } = this.#session.placement;
    for await (const changes of this.#session.changes(this.#body.base!, this.#body, this.#context.signal)) {
      for (const { entry, before } of changes) {
        if (entry || !before || !this.#takes(before.path)) continue;
        await this.#start(before, async () => {
          const object = await this.#head(before.path);
          if (!object) return;
          const comparison = await compareClosely(before, object, store, this.#context.signal);
          if (!looksExported(before, object, comparison)) {
            const reason = 'the object is not the one that was exported';
            this.#tally.add(
              { path: before.path, outcome: 'kept', size: object.size, code: 'DIFFERENT', reason },
              { kept: 1 },
            );
            return;
          }
          await this.#effects.remove(object);
          this.#tally.add({ path: before.path, outcome: 'deleted', size: object.size }, { deleted: 1 });
        });
      }
      await this.#effects.sink.flush();
    }
  }

  async #reconcile(entry: LakeEntry, object: ObjectInfo, before?: LakeEntry): Promise<void> {
    const { store } = this.#session.placement;
    const comparison = await compareClosely(entry, object, store, this.#context.signal);
    await this.#resolve(entry, object, comparison, before);
  }

  /** Something is under this entry's key: leave it, overwrite it, or refuse to. */
  async #resolve(
    entry: LakeEntry,
    object: ObjectInfo,
    comparison: Comparison,
    before?: LakeEntry,
  ): Promise<void> {
    if (looksExported(entry, object, comparison)) return this.#unchanged(entry, object);
    const policy = this.#pinned.spec.onConflict;
    if (policy === 'overwrite' || (await this.#wasExported(entry.path, object, before)))
      return this.#copy(entry);
    const reason = 'an object that this export did not write is there';
    if (policy === 'fail')
      throw new SluiceError('CONFLICT', `${reason}; --on-conflict overwrite or skip would go on.`);
    this.#tally.add(
      { path: entry.path, outcome: 'skipped', size: entry.size, code: 'CONFLICT', reason },
      { skipped: 1 },
    );
  }

  /** Whether an object is what one of the earlier commits had under this path. */
  async #wasExported(path: string, object: ObjectInfo, before: LakeEntry | undefined): Promise<boolean> {
    for (const base of this.#pinned.bases) {
      const entry = before && base === this.#body.base ? before : await this.#session.entryAt(base, path);
      if (!entry) continue;
      const comparison = await compareClosely(
        entry,
        object,
        this.#session.placement.store,
        this.#context.signal,
      );
      if (looksExported(entry, object, comparison)) return true;
    }
    return false;
  }

  #unchanged(entry: LakeEntry, object: ObjectInfo): void {
    // After an interruption, what an earlier attempt of this job wrote counts as copied by it.
    const ours =
      this.#context.partAttempt > 1 &&
      object.modified !== undefined &&
      object.modified >= this.#context.startedAt;
    if (ours)
      this.#tally.add(
        { path: entry.path, outcome: 'copied', size: entry.size },
        { objects: 1, copied: 1, bytes: entry.size },
      );
    else
      this.#tally.add(
        { path: entry.path, outcome: 'unchanged', size: entry.size },
        { objects: 1, unchanged: 1 },
      );
  }

  async #copy(entry: LakeEntry): Promise<void> {
    if (this.#keyBelow(entry.path).startsWith(OWN_FOLDER)) {
      throw new SluiceError(
        'CONFLICT',
        `Sluice keeps its own state in ${OWN_FOLDER} of a destination, so nothing of the lake can be written there. Leave it out (--exclude /_sluice), or export a folder of the lake.`,
      );
    }
    const { via, info, hashed } = await this.#effects.move(entry);
    if (hashed) this.#tally.proven.add(entry.path);
    // An increment has no listing to verify by; the store's own answer is the proof, else a head.
    if (this.#pinned.spec.verify && this.#body.base !== undefined) await this.#verifyOne(entry, info);
    this.#tally.add(
      { path: entry.path, outcome: 'copied', size: entry.size, via },
      { objects: 1, copied: 1, bytes: entry.size, [`via_${via}`]: 1 },
    );
  }

  /** Merges both sides of a range again and compares what is there now. */
  async #verifyRange(range: KeyRange): Promise<void> {
    for await (const pairs of this.#pairs(range)) {
      for (const { entry, object } of pairs) {
        if (!entry || this.#tally.excused.has(entry.path)) continue;
        if (!object) await this.#start(entry, () => this.#verifyUnlisted(entry));
        else {
          const comparison = compareContent(entry, object);
          if (comparison === 'same') continue;
          if (comparison === 'unknown' && this.#tally.proven.has(entry.path)) continue;
          await this.#start(entry, () => this.#verifyOne(entry, object));
        }
      }
    }
    await this.#settle();
  }

  /** The listing does not show it. Some stores never list `a/b` beside an object `a`, and yet have it. */
  async #verifyUnlisted(entry: LakeEntry): Promise<void> {
    const object = await this.#head(entry.path);
    if (!object) {
      throw new SluiceError('NOT_FOUND', 'It was written, and is not at the destination.', {
        retryable: false,
      });
    }
    await this.#verifyOne(entry, object);
    // A marker that came from the lake is left out of listings by Sluice, not by the store.
    if (isOwnKey(this.#keyBelow(entry.path))) return;
    this.#tally.counts.unlisted = (this.#tally.counts.unlisted ?? 0) + 1;
  }

  async #verifyOne(entry: LakeEntry, object: ObjectInfo): Promise<void> {
    const comparison = await compareClosely(
      entry,
      object,
      this.#session.placement.store,
      this.#context.signal,
    );
    if (comparison === 'unknown' && !this.#tally.proven.has(entry.path)) this.#tally.unverified();
    if (comparison === 'different')
      throw new SluiceError(
        'DIFFERENT',
        'The object at the destination is not what the lake holds (size or hash differ).',
      );
  }

  #pairs(range: KeyRange): AsyncGenerator<Pair[]> {
    const { placement } = this.#session;
    const { signal, slots } = this.#context;
    const wanted: Wanted = {
      entries: this.#session.entries(range, signal),
      takes: (path) => this.#mine(path),
      range,
      prefix: placement.folder + this.#pinned.spec.prefix,
      signal,
    };
    return this.#stage === 'data' ? pairsOfAll(wanted, placement) : pairsOfSome(wanted, placement, slots);
  }

  #mine(path: string): boolean {
    return stageOf(path) === this.#stage && this.#takes(path);
  }

  /** A path's key at the destination, below its folder. */
  #keyBelow(path: string): string {
    return path.slice(this.#session.placement.folder.length);
  }

  #head(path: string): Promise<ObjectInfo | undefined> {
    return headOf(this.#session.placement, path, this.#context.signal);
  }

  /** Begins work on one object when a slot is free; its failure is the object's, not the part's. */
  async #start(entry: LakeEntry, work: () => Promise<void>): Promise<void> {
    const { slots, signal } = this.#context;
    await slots.acquire();
    if (signal.aborted || this.#broken) {
      slots.release();
      throw this.#broken ?? new SluiceError('CANCELED', 'The export was canceled.');
    }
    this.#running++;
    work()
      .catch((error: unknown) => {
        if (signal.aborted || isError(error, 'CANCELED'))
          this.#broken ??= new SluiceError('CANCELED', 'The export was canceled.');
        else this.#tally.fail(entry.path, error, entry.size);
      })
      .finally(() => {
        slots.release();
        this.#running--;
        if (this.#running === 0) this.#idle?.();
      });
  }

  /** Waits for everything that was begun. */
  async #settle(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#idle = undefined;
    if (this.#broken) throw this.#broken;
  }
}
