import { badConfig } from './mapping.ts';
import type { Property } from './properties.ts';
import type { Setting } from './routerfs.ts';

const OURS = /^(routerfs|fs|gateway|google)\./;

/** Settings of which something depends here; Hadoop's many others may hold variables that only Hadoop knows. */
const USED =
  /^(routerfs|gateway)\.|\.(impl|endpoint|region|key|token|access|enabled|checksums|url|id|keyfile|name)$|^fs\.azure\./;

/**
 * Makes settings of a file's properties: takes those that concern routing, takes quotes off values and
 * resolves `${env.NAME}`, `${env.NAME:-default}` and `${another.key}` as Hadoop does. A key that is set
 * again replaces the first, as in Java, but a mapping that is set twice is an error of whoever wrote it
 * and stays twice here, for the reader of mappings to refuse.
 *
 * @param file name for errors
 * @throws SluiceError BAD_CONFIG, naming the line
 */
export function settingsOf(
  properties: readonly Property[],
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Setting[] {
  const raw = new Map(properties.map(({ key, value }) => [key, value]));
  const settings: Setting[] = [];
  const at = new Map<string, number>();
  const resolve = (key: string, value: string, origin: string): string =>
    USED.test(key) ? unquote(expand(value, raw, env, origin), key, origin) : value;
  for (const { key, value, line } of properties) {
    if (!OURS.test(key)) continue;
    const origin = `${file}:${line}`;
    const setting = { key, value: resolve(key, value, origin), origin };
    const before = at.get(key);
    if (before !== undefined && !key.startsWith('routerfs.')) settings[before] = setting;
    else {
      at.set(key, settings.length);
      settings.push(setting);
    }
  }
  return settings;
}

function unquote(value: string, key: string, origin: string): string {
  const text = value.trim();
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted) return quoted[2]!;
  if (/^['"]/.test(text)) throw badConfig(origin, `The value of ${key} begins with a quote and has no end.`);
  if (key.startsWith('routerfs.') && /\s#/.test(text)) {
    throw badConfig(
      origin,
      `The value of ${key} holds " #": a comment needs a line of its own in this format. Put the value in quotes if it is meant so.`,
    );
  }
  return text;
}

const MOST_STEPS = 20;

function expand(
  value: string,
  raw: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
  origin: string,
): string {
  let text = value;
  for (let step = 0; step < MOST_STEPS; step++) {
    const match = /\$\{([^${}\s]+)\}/.exec(text);
    if (!match) return text;
    const name = match[1]!;
    const variable = /^env\.([A-Za-z_][A-Za-z0-9_]*)(?::?-(.*))?$/.exec(name);
    const found = variable ? env[variable[1]!] || variable[2] : raw.get(name);
    if (found === undefined) {
      throw badConfig(
        origin,
        variable ? `The environment has no ${variable[1]}.` : `\${${name}} stands for a key that is not set.`,
      );
    }
    text = text.replace(match[0], () => found);
  }
  throw badConfig(origin, 'The variables of this value lead round in a circle.');
}
