import { resolve } from 'node:path';
import { SluiceError } from '../../base/errors.ts';
import type { ExportSettings } from '../../config/settings.ts';

export const BACKENDS = ['s3', 'gcs', 'azure', 'filesystem'] as const;
export type Backend = (typeof BACKENDS)[number];

/** What a caller may say of the place; it can only narrow what is configured. */
export interface PlaceRequest {
  bucket?: string;
  path?: string;
}

/** A folder that exports of a backend go to, each into one of its own named by its id. */
export interface Destination {
  uri: string;
  connection?: string | undefined;
}

/** @throws SluiceError BAD_SPEC: no such backend, or none that is configured */
export function backendNamed(name: string, settings: ExportSettings): Backend {
  const backend = BACKENDS.find((each) => each === name);
  if (!backend) throw bad(`There is no backend "${name}" (there are: ${BACKENDS.join(', ')}).`);
  if (settings[backend]) return backend;
  const set = BACKENDS.filter((each) => settings[each]).join(', ') || 'none';
  throw bad(`The backend "${name}" is not set up here (set up: ${set}); it is said in export.${name}.`);
}

/** @throws SluiceError ACCESS_DENIED when the caller names a place outside of the configured one */
export function destinationOf(
  backend: Backend,
  settings: ExportSettings,
  asked: PlaceRequest = {},
): Destination {
  if (backend === 'filesystem') {
    const root = resolve(settings.filesystem!.path);
    if (asked.bucket) throw denied('a filesystem has no buckets');
    const path = asked.path ? resolve(root, clean(asked.path)) : root;
    if (path !== root && !path.startsWith(`${root}/`)) throw denied(`the path must lie below ${root}`);
    return { uri: path };
  }
  const set = settings[backend]!;
  const bucket = 'container' in set ? set.container : set.bucket;
  if (asked.bucket && asked.bucket !== bucket) throw denied(`exports go to ${bucket} only`);
  const root = trimmed(set.path ?? '');
  const path = asked.path ? trimmed(clean(asked.path)) : root;
  if (root !== '' && path !== root && !path.startsWith(`${root}/`)) {
    throw denied(`the path must be ${root} or begin with ${root}/`);
  }
  const scheme = { s3: 's3', gcs: 'gs', azure: 'az' }[backend];
  return { uri: `${scheme}://${bucket}${path === '' ? '' : `/${path}`}`, connection: set.connection };
}

function clean(path: string): string {
  if (path.split(/[/\\]/).some((name) => name === '..' || name === '.')) {
    throw denied('a path has no . or .. in it');
  }
  return path;
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}

const bad = (message: string): SluiceError => new SluiceError('BAD_SPEC', message);
const denied = (why: string): SluiceError =>
  new SluiceError('ACCESS_DENIED', `This place is not allowed: ${why}.`);
