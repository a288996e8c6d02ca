import { resolve } from 'node:path';
import { SluiceError } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import { type Identity, mayJobs } from './identity/roles.ts';
import type { ServiceOptions } from './settings.ts';

/** The settings of each kind that name where it reads and writes. */
export const PLACES: Record<string, { sources: string[]; destinations: string[] }> = {
  'lake-export': { sources: ['source'], destinations: ['destination'] },
  'vector-export': { sources: ['weaviate', 'since'], destinations: ['destination'] },
  'vector-import': { sources: ['source'], destinations: ['weaviate', 'reports'] },
  'table-export': { sources: ['source'], destinations: ['target_base_location'] },
};

/** Settings that reach past what the configuration gives: other addresses, programs on this machine. */
const ADMIN_ONLY = ['grpc', 'spark'];

/**
 * Checks that a job stays inside of `service.allow`, which holds for everyone. Where it says nothing of a side, callers
 * that are not admins may name neither files of this machine nor servers that are no connection.
 * @throws SluiceError ACCESS_DENIED naming the setting
 */
export function checkAllowed(
  kind: string,
  spec: Json,
  identity: Identity,
  allow: ServiceOptions['allow'],
): void {
  if (spec === null || typeof spec !== 'object' || Array.isArray(spec)) return;
  const places = PLACES[kind] ?? { sources: [], destinations: [] };
  const admin = mayJobs(identity, 'admin');
  for (const side of ['sources', 'destinations'] as const) {
    for (const name of places[side]) {
      const value = spec[name];
      if (typeof value !== 'string' || value === 'last') continue;
      const prefixes = allow[side];
      const fine = prefixes ? isUnder(value, prefixes) : admin || isRemote(value, name);
      if (fine) continue;
      const rule = prefixes
        ? `it is in none of service.allow.${side}`
        : `files of the service's machine and servers that are no connection need an entry in service.allow.${side}`;
      throw new SluiceError('ACCESS_DENIED', `"${name}" may not be ${value}: ${rule}.`);
    }
  }
  for (const name of ADMIN_ONLY) {
    if (spec[name] === undefined || admin) continue;
    throw new SluiceError('ACCESS_DENIED', `Only the role "admin" may set "${name}".`);
  }
}

function isUnder(value: string, prefixes: readonly string[]): boolean {
  const place = normal(value);
  if (place === undefined) return false;
  return prefixes.some((prefix) => {
    const allowed = normal(prefix) ?? prefix;
    return place === allowed || place.startsWith(/[/:]$/.test(allowed) ? allowed : `${allowed}/`);
  });
}

/** One way to write each place; undefined for one that climbs out of where it begins. */
function normal(uri: string): string | undefined {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(uri);
  if (!match) return /^[\w-]+$/.test(uri) ? uri : `file://${resolve(uri)}`;
  const [, scheme, rest] = match as unknown as [string, string, string];
  let path = rest;
  try {
    path = decodeURIComponent(rest);
  } catch {
    // A single % is part of a name.
  }
  if (path.split(/[/\\]/).includes('..')) return undefined;
  return scheme.toLowerCase() === 'file' ? `file://${resolve(path)}` : `${scheme.toLowerCase()}://${rest}`;
}

function isRemote(value: string, name: string): boolean {
  if (name === 'weaviate') return !value.includes('/') && !value.includes(':');
  return /^(?!file:)[a-z][a-z0-9+.-]*:\/\//i.test(value);
}
