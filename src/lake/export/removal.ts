import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { isError } from '../../base/errors.ts';
import { compareKeys, keyBefore } from '../../base/keys.ts';
import { readAll } from '../../stores/read.ts';
import type { Store } from '../../stores/store.ts';
import { REMOVING, type Removed, removeObjects, type StoredExport } from '../../stores/stored-export.ts';
import type { ObjectOutcome } from './outcomes.ts';
import type { ExportReport } from './report.ts';
import { type ExportState, OWN_FOLDER, ownFolder, readState } from './state.ts';

/** Objects that are compared with the listing at once. */
const CHUNK = 20_000;
/** How far the clocks of the store and of the exporting machine may be apart, milliseconds. */
const CLOCKS_MS = 120_000;
const ARRIVED = new Set(['copied', 'unchanged', 'unverified']);

/**
 * The lake export whose destination is a folder.
 * @param root the folder, ending with '/'
 */
export async function storedLakeExport(
  store: Store,
  root: string,
  signal?: AbortSignal,
): Promise<StoredExport | undefined> {
  const begun = await readRemoving(store, root);
  const states = begun ?? (await statesOf(store, root, signal));
  if (states.length === 0) return undefined;
  const ends = states.map(({ state }) => Date.parse(state.exportedAt ?? ''));
  const open = states.find(({ state }) => state.commit === undefined || state.pending.length > 0);
  return {
    kind: 'lake-export',
    at: Math.max(...ends),
    source: states
      .map(({ state }) =>
        [state.namespace, state.repository, state.ref, state.folder, state.selection].join(' '),
      )
      .join('\n'),
    removing: begun !== undefined,
    ...(open && !begun ? { incomplete: `its export "${open.name}" did not end well` } : {}),
  };
}

/**
 * Removes an export: the objects that its reports say arrived, as far as they are still those, then markers, reports
 * and state. Anything else in the folder stays.
 */
export async function removeLakeExport(store: Store, root: string, signal?: AbortSignal): Promise<Removed> {
  const states = (await readRemoving(store, root)) ?? (await statesOf(store, root, signal));
  const removed: Removed = { objects: 0, bytes: 0, kept: 0 };
  if (states.length === 0) return removed;
  await store.put(`${root}${REMOVING}`, Buffer.from(JSON.stringify(states)), {
    contentType: 'application/json',
  });
  for (const { name, state } of states) {
    const own = `${root}${ownFolder(name)}`;
    // First of all nobody must take it for complete any more.
    const { reports, details } = await filesOf(store, own, signal);
    await removeMarkers(store, root, reports, signal);
    await store.delete(`${own}state.json`, { signal });
    const ended = Date.parse(state.exportedAt ?? '') + CLOCKS_MS;
    for (const key of details) {
      for await (const arrived of arrivals(store, key, signal)) {
        await removeArrived(store, { root, folder: state.folder, ended }, arrived, removed, signal);
      }
    }
    const rest: string[] = [];
    for await (const page of store.list({ prefix: own, signal }))
      rest.push(...page.objects.map(({ key }) => key));
    await removeObjects(store, rest, signal);
    removed.objects += rest.length + 1;
  }
  await store.delete(`${root}${REMOVING}`, { signal });
  return removed;
}

interface NamedState {
  name: string;
  state: ExportState;
}

async function statesOf(store: Store, root: string, signal?: AbortSignal): Promise<NamedState[]> {
  const states: NamedState[] = [];
  const own = root + OWN_FOLDER;
  for await (const page of store.list({ prefix: own, delimiter: '/', signal })) {
    for (const prefix of page.prefixes) {
      const name = prefix.slice(own.length, -1);
      const stored = await readState(store, root, name);
      if (stored) states.push({ name, state: stored.state });
    }
  }
  return states;
}

async function readRemoving(store: Store, root: string): Promise<NamedState[] | undefined> {
  try {
    const { body } = await store.get(`${root}${REMOVING}`);
    const states = JSON.parse((await readAll(body)).toString()) as NamedState[];
    return Array.isArray(states) ? states : undefined;
  } catch (error) {
    if (isError(error, 'NOT_FOUND') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The reports of all runs, and the files with what became of each object. */
async function filesOf(
  store: Store,
  own: string,
  signal?: AbortSignal,
): Promise<{ reports: string[]; details: string[] }> {
  const reports: string[] = [];
  const details: string[] = [];
  for await (const page of store.list({ prefix: own, signal })) {
    for (const { key } of page.objects) {
      if (/\/report\.json$/.test(key)) reports.push(key);
      else if (/\/objects\/[^/]+\.jsonl\.gz$/.test(key)) details.push(key);
    }
  }
  return { reports, details };
}

async function removeMarkers(
  store: Store,
  root: string,
  reports: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (const key of reports) {
    const { body } = await store.get(key, { signal });
    const { marker } = JSON.parse((await readAll(body)).toString()) as Partial<ExportReport>;
    // Its key is by the store of the export, which may begin at another folder. A report is a file that anyone may
    // have touched: only names of markers are taken from it.
    const name = marker?.split('/').at(-1) ?? '';
    if (/^EXPORT_.*_(SUCCESS|FAILURE)$/.test(name)) await store.delete(`${root}${name}`, { signal });
  }
}

/** Paths of the lake with sizes, some at a time. */
async function* arrivals(
  store: Store,
  key: string,
  signal?: AbortSignal,
): AsyncGenerator<Map<string, number | undefined>> {
  const { body } = await store.get(key, { signal });
  let some = new Map<string, number | undefined>();
  const unpacked = body.pipe(createGunzip());
  body.on('error', (error) => unpacked.destroy(error));
  for await (const line of createInterface({ input: unpacked })) {
    const { path, outcome, size } = JSON.parse(line) as ObjectOutcome;
    if (!ARRIVED.has(outcome)) continue;
    some.set(path, size);
    if (some.size < CHUNK) continue;
    yield some;
    some = new Map();
  }
  if (some.size > 0) yield some;
}

async function removeArrived(
  store: Store,
  place: { root: string; folder: string; ended: number },
  arrived: ReadonlyMap<string, number | undefined>,
  removed: Removed,
  signal?: AbortSignal,
): Promise<void> {
  const sizes = new Map(
    [...arrived].map(([path, size]) => [place.root + path.slice(place.folder.length), size]),
  );
  const keys = [...sizes.keys()].sort(compareKeys);
  const last = keys.at(-1)!;
  for await (const page of store.list({ prefix: place.root, startAfter: keyBefore(keys[0]!), signal })) {
    const gone: string[] = [];
    let past = false;
    for (const { key, size, modified } of page.objects) {
      past = compareKeys(key, last) > 0;
      if (past) break;
      if (!sizes.has(key)) continue;
      const same = sizes.get(key) === undefined || sizes.get(key) === size;
      if (!same || (modified !== undefined && modified > place.ended)) {
        removed.kept++;
        continue;
      }
      gone.push(key);
      removed.bytes += size;
    }
    await removeObjects(store, gone, signal);
    removed.objects += gone.length;
    if (past) break;
  }
}
