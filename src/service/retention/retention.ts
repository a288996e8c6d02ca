import { isError, toSluiceError } from '../../base/errors.ts';
import { asFolder } from '../../base/keys.ts';
import { type Keep, keptBy } from '../../base/retention.ts';
import type { Engine } from '../../jobs/engine.ts';
import { removeLakeExport, storedLakeExport } from '../../lake/export/removal.ts';
import type { OpenStore } from '../../stores/open.ts';
import type { Store } from '../../stores/store.ts';
import type { StoredExport } from '../../stores/stored-export.ts';
import { removeVectorExport, storedVectorExport } from '../../vectors/export/removal.ts';
import type { RetentionPlace } from './place.ts';

export interface RetentionRequest {
  place: RetentionPlace;
  keep: Keep;
  /** Whose days and weeks count; UTC when left out. */
  timeZone?: string | undefined;
  /** Exports of different sources that lie beside each other are counted apart. */
  bySource: boolean;
  dryRun: boolean;
  signal?: AbortSignal;
}

/** What became of one export. */
export interface RetentionEntry {
  /** Its folder. */
  uri: string;
  kind: string;
  /** When it was complete, milliseconds since 1970. */
  at: number;
  /** `left`: not looked at any further, as it is incomplete or not meant. */
  outcome: 'kept' | 'deleted' | 'left' | 'failed';
  reason: string;
  objects?: number;
  /** Bytes. */
  bytes?: number;
}

export interface RetentionReport {
  folder: string;
  /** Nothing was deleted; `deleted` says what would be. */
  dryRun: boolean;
  kept: number;
  deleted: number;
  failed: number;
  /** Bytes deleted. */
  bytes: number;
  /** The newest first. */
  exports: RetentionEntry[];
}

interface Found extends StoredExport {
  uri: string;
  /** In its store. */
  root: string;
  /** The same for every way to open it. */
  address: string;
  meant: boolean;
}

/** Folders whose content is looked at at once. */
const AT_ONCE = 8;

/**
 * Deletes old exports, as far as Sluice wrote them. The newest complete one stays, whatever is asked, and so does each
 * that another export or a job that has not ended needs.
 * @throws SluiceError NOT_FOUND (the container), ACCESS_DENIED
 */
export async function retain(
  request: RetentionRequest,
  { open, engine }: { open: OpenStore; engine: Engine },
): Promise<RetentionReport> {
  const { place, dryRun, signal } = request;
  const { store, path } = await open(place.folder, { connection: place.connection });
  const found = await exportsIn(store, asFolder(path), request);
  const kept = await keptOf(found, request, open, engine);
  const entries: RetentionEntry[] = [];
  for (const each of [...found].sort((a, b) => b.at - a.at)) {
    const { uri, kind, at, root } = each;
    const reason = kept.get(each);
    if (reason !== undefined) {
      const outcome = each.meant && each.incomplete === undefined ? 'kept' : 'left';
      entries.push({ uri, kind, at, outcome, reason });
      continue;
    }
    const why = each.removing ? 'its removal was cut off earlier' : 'beyond what is kept';
    if (dryRun) {
      entries.push({ uri, kind, at, outcome: 'deleted', reason: why });
      continue;
    }
    try {
      const remove = kind === 'lake-export' ? removeLakeExport : removeVectorExport;
      const removed = await remove(store, root, signal);
      const stays = removed.kept > 0 ? `; ${removed.kept} objects that were changed since stay` : '';
      const { objects, bytes } = removed;
      entries.push({ uri, kind, at, outcome: 'deleted', reason: `${why}${stays}`, objects, bytes });
    } catch (error) {
      signal?.throwIfAborted();
      entries.push({ uri, kind, at, outcome: 'failed', reason: toSluiceError(error).message });
    }
  }
  const count = (outcome: string): number => entries.filter((entry) => entry.outcome === outcome).length;
  return {
    folder: place.folder,
    dryRun,
    kept: count('kept'),
    deleted: count('deleted'),
    failed: count('failed'),
    bytes: entries.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    exports: entries,
  };
}

async function exportsIn(store: Store, above: string, request: RetentionRequest): Promise<Found[]> {
  const { place, signal } = request;
  const found: Found[] = [];
  let batch: Promise<Found | undefined>[] = [];
  const take = async (): Promise<void> => {
    for (const each of await Promise.all(batch)) if (each) found.push(each);
    batch = [];
  };
  for await (const root of foldersBelow(store, above, place.levels, signal)) {
    batch.push(
      (async () => {
        const stored =
          (await storedVectorExport(store, root, signal)) ?? (await storedLakeExport(store, root, signal));
        const below = root.slice(above.length, -1);
        const uri = `${asFolder(place.folder)}${below}`;
        const address = addressOf({ store, path: root });
        return stored && { ...stored, uri, root, address, meant: place.match?.test(below) ?? true };
      })(),
    );
    if (batch.length >= AT_ONCE) await take();
  }
  await take();
  return found;
}

async function* foldersBelow(
  store: Store,
  above: string,
  levels: number,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  for await (const page of store.list({ prefix: above, delimiter: '/', signal })) {
    for (const prefix of page.prefixes) {
      if (prefix === `${above}_sluice/`) continue;
      if (levels === 1) yield prefix;
      else yield* foldersBelow(store, prefix, levels - 1, signal);
    }
  }
}

/** Everything that stays, with the reason. */
async function keptOf(
  found: readonly Found[],
  { keep, bySource, timeZone }: RetentionRequest,
  open: OpenStore,
  engine: Engine,
): Promise<Map<Found, string>> {
  const kept = new Map<Found, string>();
  const good = new Map<string, Found[]>();
  for (const each of found) {
    if (each.removing) continue;
    if (!each.meant) kept.set(each, 'not of this schedule');
    else if (each.incomplete !== undefined) kept.set(each, each.incomplete);
    else if (Number.isNaN(each.at)) kept.set(each, 'it does not say when it was complete');
    else {
      const series = bySource ? `${each.kind} ${each.source}` : '';
      good.set(series, [...(good.get(series) ?? []), each]);
    }
  }
  for (const series of good.values()) {
    for (const [each, reason] of keptBy(series, keep, ({ at }) => at, timeZone)) kept.set(each, reason);
  }
  for (const place of await placesInUse(engine, open)) {
    for (const each of found) {
      const touches = each.address.startsWith(place.address) || place.address.startsWith(each.address);
      if (touches && !kept.has(each) && !each.removing) kept.set(each, `job ${place.job} uses it`);
    }
  }
  // A Map hands out what is added while it is gone through, so bases of bases are found.
  for (const [each] of kept) {
    if (each.needs === undefined) continue;
    for (const base of await basesOf(each.needs, found, open)) {
      if (!kept.has(base) && !base.removing) kept.set(base, `${nameOf(each)} needs it`);
    }
  }
  return kept;
}

async function basesOf(uri: string, found: readonly Found[], open: OpenStore): Promise<Found[]> {
  const location = await open(uri).catch(() => undefined);
  const exact = found.filter((each) => location && each.address === addressOf(location));
  // The address may be one of another machine or connection: then its name has to do.
  const name = uri.replace(/\/+$/, '').split('/').at(-1);
  return exact.length > 0 ? exact : found.filter((each) => nameOf(each) === name);
}

function nameOf({ uri }: Found): string {
  return uri.split('/').at(-1)!;
}

/** A store of a folder may begin anywhere above it. */
function addressOf({ store, path }: { store: Store; path: string }): string {
  return asFolder(`${store.name.replace(/\/+$/, '')}/${path}`);
}

/** Folders that jobs read from or write to which have not ended. */
async function placesInUse(engine: Engine, open: OpenStore): Promise<{ address: string; job: string }[]> {
  const places: { address: string; job: string }[] = [];
  for (const status of ['STARTED', 'TRANSFERRING'] as const) {
    for (let after: string | undefined; ; ) {
      const page = await engine.list({ status, after, limit: 1000 });
      for (const { id, kind, spec } of page.jobs) {
        const fields = (spec ?? {}) as { [name: string]: unknown };
        const { destination, since, source } = fields;
        const own =
          kind === 'vector-export' && typeof fields.id === 'string'
            ? `${destination}/${fields.id}`
            : destination;
        for (const uri of [own, since, source]) {
          if (typeof uri !== 'string' || uri === 'last' || uri.startsWith('lakefs:')) continue;
          const location = await open(uri).catch((error: unknown) => {
            if (isError(error)) return undefined;
            throw error;
          });
          if (location) places.push({ address: addressOf(location), job: id });
        }
      }
      after = page.next;
      if (after === undefined) break;
    }
  }
  return places;
}
