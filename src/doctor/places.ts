import { randomUUID } from 'node:crypto';
import type { Connections } from '../base/connections.ts';
import { SluiceError, toSluiceError } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import { asFolder } from '../base/keys.ts';
import type { ExportSettings, Settings } from '../config/settings.ts';
import { PLACES } from '../service/allow.ts';
import type { OpenStore } from '../stores/open.ts';
import { readAll } from '../stores/read.ts';
import { type Finding, ok, skipped } from './finding.ts';

/** Somewhere that the configuration reads from or writes to. */
export interface Place {
  side: 'source' | 'destination';
  uri: string;
  connection?: string;
  /** The settings that name it. */
  from: string[];
}

/** Every place that the configuration names, each once. Those of connections that are no stores are left out. */
export function placesOf(settings: Settings, connections: Connections): Place[] {
  const places = new Map<string, Place>();
  const add = (side: Place['side'], value: unknown, from: string, connection?: unknown): void => {
    if (typeof value !== 'string' || value === '' || isConnection(value, connections)) return;
    const named = typeof connection === 'string' ? connection : undefined;
    const uri = value.replace(/\{.*$/s, '').replace(/[^/]*$/, (rest) => (value.includes('{') ? '' : rest));
    const key = `${side}\n${uri}\n${named ?? ''}`;
    const known = places.get(key);
    if (known) known.from.push(from);
    else places.set(key, { side, uri, from: [from], ...(named === undefined ? {} : { connection: named }) });
  };
  const { allow = {} } = settings.service;
  for (const uri of allow.sources ?? []) add('source', uri, 'service.allow.sources');
  for (const uri of allow.destinations ?? []) add('destination', uri, 'service.allow.destinations');
  for (const [backend, { uri, connection }] of exportPlaces(settings.export)) {
    add('destination', uri, `export.${backend}`, connection);
  }
  for (const entry of settings.tables) {
    const from = `tables of ${entry.repository}`;
    for (const branch of entry.branches ?? ['main']) {
      if (!/[*?[\]{}\\]/.test(branch)) {
        add('source', `lakefs://${entry.repository}/${branch}`, from, entry.lake_connection);
      }
    }
    add('destination', entry.target_base_location, from, entry.target_connection);
  }
  for (const { name, on, job } of settings.schedules) {
    const from = `schedule ${name}`;
    const spec = (typeof job?.spec === 'object' && job.spec !== null ? job.spec : {}) as Record<string, Json>;
    if (on) add('source', `lakefs://${on.repository}/${on.branch}`, from);
    const { sources, destinations } = PLACES[job?.kind] ?? { sources: [], destinations: [] };
    for (const setting of sources) add('source', spec[setting], from);
    for (const setting of destinations) add('destination', spec[setting], from);
  }
  return [...places.values()];
}

function isConnection(value: string, connections: Connections): boolean {
  if (/^https?:/i.test(value) || value === 'last') return true;
  if (!/^[\w-]+$/.test(value)) return false;
  try {
    return connections.named(value) !== undefined;
  } catch {
    return false;
  }
}

function* exportPlaces(settings: ExportSettings): Generator<[string, { uri: string; connection?: string }]> {
  const { s3, gcs, azure, filesystem } = settings;
  if (s3) yield ['s3', { uri: `s3://${s3.bucket}/${s3.path ?? ''}`, connection: s3.connection }];
  if (gcs) yield ['gcs', { uri: `gs://${gcs.bucket}/${gcs.path ?? ''}`, connection: gcs.connection }];
  if (azure)
    yield ['azure', { uri: `az://${azure.container}/${azure.path ?? ''}`, connection: azure.connection }];
  if (filesystem) yield ['filesystem', { uri: filesystem.path }];
}

export const nameOf = ({ side, uri }: Place): string => `${side} ${uri}`;

/** Looks at what is there first. */
export async function checkSource(place: Place, open: OpenStore, signal: AbortSignal): Promise<Finding> {
  const check = nameOf(place);
  if (/^lakefs:\/\/[^/]*\/?$/.test(place.uri)) {
    return skipped(check, 'It names no branch; that of its repositories are checked when a job reads them.');
  }
  const { store, path } = await open(place.uri, { connection: place.connection });
  let objects = 0;
  for await (const page of store.list({ prefix: path, pageSize: 1, signal })) {
    objects += page.objects.length;
    break;
  }
  const used = `(${place.from.join(', ')})`;
  return ok(check, objects > 0 ? `can be read ${used}` : `can be listed, and is empty ${used}`);
}

/**
 * Writes a small object below `_sluice/`, reads it back and removes it.
 * @param write false: only lists
 */
export async function checkDestination(
  place: Place,
  open: OpenStore,
  signal: AbortSignal,
  write: boolean,
): Promise<Finding> {
  const check = nameOf(place);
  const used = `(${place.from.join(', ')})`;
  const { store, path } = await open(place.uri, { connection: place.connection });
  if (!write) {
    try {
      for await (const _page of store.list({ prefix: path, pageSize: 1, signal })) break;
    } catch (error) {
      // A folder is made by the first export.
      if (toSluiceError(error).code !== 'NOT_FOUND' || !/^(file:|\/|\.)/.test(place.uri)) throw error;
    }
    return ok(check, `can be listed ${used}`);
  }
  const key = `${asFolder(path)}_sluice/doctor-${randomUUID()}`;
  const content = Buffer.from('sluice doctor\n');
  await store.put(key, content, { size: content.length, contentType: 'text/plain', signal });
  let read: Buffer | undefined;
  try {
    const { body } = await store.get(key, { signal });
    read = await readAll(body);
  } finally {
    await store.delete(key, { signal }).catch((error: unknown) => {
      const { code, message } = toSluiceError(error);
      throw new SluiceError(
        code,
        `The probe could be written and not deleted: ${message} Grant the right to delete objects, which cleaning up after exports needs, and remove ${key} by hand.`,
        { cause: error },
      );
    });
  }
  if (!read.equals(content)) {
    throw new SluiceError(
      'DIFFERENT',
      `What was written to ${store.name}/${key} did not read back the same.`,
    );
  }
  return ok(check, `can be written, read and deleted ${used}`);
}
