import type { Loaded } from './load.ts';
import { isSecretName } from './shape.ts';

export interface Described {
  /** Such as `connections.lake.endpoint`. */
  setting: string;
  /** Secrets are masked. */
  value: unknown;
  /** `default`, `--state`, `$SLUICE_ENGINE`, `/etc/sluice.yaml:12 ($TOKEN)` */
  from: string;
}

export const MASK = '********';

/** Every setting that is in force and where it came from, in the order of sluice.yaml, without secrets. */
export function describeSettings({ settings, origins }: Loaded): Described[] {
  const { connections, ...rest } = settings;
  const named = Object.fromEntries(connections.map(({ name, ...connection }) => [name, connection]));
  const all: Described[] = [];
  for (const [name, value] of Object.entries({ ...rest, connections: named })) {
    describe(value, name, false, origins, all);
  }
  return all;
}

function describe(
  value: unknown,
  path: string,
  secret: boolean,
  origins: ReadonlyMap<string, string>,
  all: Described[],
): void {
  if (value === undefined) return;
  if (Array.isArray(value)) {
    value.forEach((item, i) => {
      describe(item, `${path}[${i}]`, secret, origins, all);
    });
  } else if (value !== null && typeof value === 'object') {
    for (const [name, inner] of Object.entries(value)) {
      const part = /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
      describe(inner, `${path}.${part}`, secret || isSecretName(name), origins, all);
    }
  } else {
    all.push({ setting: path, value: secret ? MASK : masked(value), from: origins.get(path) ?? 'default' });
  }
}

/** Credentials inside of an address are secrets under any name. */
function masked(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/(:\/\/[^/@\s:]*):[^/@\s]+@/g, `$1:${MASK}@`) : value;
}
