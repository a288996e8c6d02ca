import { badConfig, type DefaultMapping, type Mapping } from './mapping.ts';
import { splitUri } from './uri.ts';

/** A setting with its place, its quotes and variables resolved. */
export interface Setting {
  key: string;
  value: string;
  origin: string;
}

/** A default by file system class, as the released library has it: the scheme that stands for it, and the class. */
export interface DefaultClass {
  scheme: string;
  className: string;
  origin: string;
}

interface Pair {
  group: string;
  index: number;
  replace?: Setting;
  with?: Setting;
}

/**
 * Reads `routerfs.*` settings in either of the two grammars:
 *
 * - *by target*, of the design: `routerfs.mapping.<scheme of with>.<index>.replace|with`, and the default
 *   `routerfs.mapping.<scheme>-default.replace|with`;
 * - *by source*, of the released library: `routerfs.mapping.<scheme of replace>.<index>.replace|with`, and the
 *   default `routerfs.default.fs.<scheme>=<scheme or class>`.
 *
 * A file is in one of them. Which, is told by its default; without one, by the group that every mapping
 * names. Order in both: name of the group, then index as a number, wherever the lines stand: that is the
 * order of the released library, and a Hadoop configuration keeps no order of lines.
 *
 * @throws SluiceError BAD_CONFIG, naming the line
 */
export function parseRouterfs(settings: readonly Setting[]): {
  mappings: Mapping[];
  defaults: Record<string, DefaultMapping>;
  classes: DefaultClass[];
} {
  const pairs = new Map<string, Pair>();
  const defaults: Record<string, DefaultMapping> = {};
  const classes: DefaultClass[] = [];
  const defaultPairs = new Map<string, Pair>();
  let bySource: Setting | undefined;
  let byTarget: Setting | undefined;

  for (const setting of settings) {
    const [, area, ...rest] = setting.key.split('.');
    if (area === 'default') {
      bySource ??= setting;
      addDefault(setting, rest, defaults, classes);
    } else if (area === 'mapping' && rest.length === 2 && rest[0]!.endsWith('-default')) {
      byTarget ??= setting;
      addHalf(defaultPairs, setting, rest[0]!, 0, rest[1]!);
    } else if (area === 'mapping') {
      const [group, index, half] = checkMappingKey(setting, rest);
      addHalf(pairs, setting, group, index, half);
    } else {
      throw badConfig(
        setting.origin,
        `"${setting.key}" is not a setting of the router (routerfs.mapping.… or routerfs.default.fs.…).`,
      );
    }
  }
  if (bySource && byTarget) {
    throw badConfig(
      bySource.origin,
      `Two ways to write defaults are mixed: ${bySource.key} here and ${byTarget.key} at ${byTarget.origin}. Use one.`,
    );
  }
  const complete = [...pairs.values()].map(completePair);
  checkGrammar(complete, bySource, byTarget);
  for (const pair of [...defaultPairs.values()].map(completePair)) {
    const [scheme, target] = defaultOf(pair);
    defaults[scheme] = target;
  }
  return { mappings: complete.sort(byGroupThenIndex).map(mappingOf), defaults, classes };
}

type CompletePair = Required<Pair>;

const byGroupThenIndex = (a: Pair, b: Pair): number =>
  a.group === b.group ? a.index - b.index : a.group < b.group ? -1 : 1;

const mappingOf = (pair: CompletePair): Mapping => ({
  name: `${pair.group}.${pair.index}`,
  replace: prefixOf(pair.replace),
  with: pair.with.value,
  origin: pair.replace.origin,
});

const prefixOf = (setting: Setting): string => setting.value.replace(/^\^/, '');

function checkMappingKey(setting: Setting, rest: string[]): [group: string, index: number, half: string] {
  const fail = (what: string): never => {
    throw badConfig(setting.origin, `"${setting.key}": ${what}`);
  };
  const [group = '', index = '', half = '', ...more] = rest;
  if (!/^[a-z0-9][a-z0-9_+-]*$/.test(group)) {
    fail(`"${group}" is not a scheme (lower case letters, digits, - and _).`);
  }
  if (!/^\d{1,9}$/.test(index)) fail(`the index "${index}" is not a number.`);
  if ((half !== 'replace' && half !== 'with') || more.length > 0) {
    fail(`"${[half, ...more].join('.')}" is neither "replace" nor "with".`);
  }
  return [group, Number(index), half];
}

function addHalf(
  pairs: Map<string, Pair>,
  setting: Setting,
  group: string,
  index: number,
  half: string,
): void {
  if (half !== 'replace' && half !== 'with') {
    throw badConfig(setting.origin, `"${setting.key}": "${half}" is neither "replace" nor "with".`);
  }
  const id = `${group}.${index}`;
  const pair = pairs.get(id) ?? { group, index };
  const before = pair[half];
  if (before) {
    throw badConfig(
      setting.origin,
      `"${setting.key}" is set a second time (first at ${before.origin}); each mapping needs an index of its own.`,
    );
  }
  pair[half] = setting;
  pairs.set(id, pair);
}

function completePair(pair: Pair): CompletePair {
  const present = (pair.replace ?? pair.with)!;
  if (!pair.replace || !pair.with) {
    const missing = present.key.replace(/(replace|with)$/, pair.replace ? 'with' : 'replace');
    throw badConfig(present.origin, `Half of a mapping: ${present.key} is set, ${missing} is missing.`);
  }
  for (const half of [pair.replace, pair.with]) {
    if (half.value === '') throw badConfig(half.origin, `${half.key} is empty.`);
    if (!splitUri(prefixOf(half))) {
      throw badConfig(
        half.origin,
        `${half.key} must be the beginning of a URI, such as s3a://bucket/folder/, and is "${half.value}".`,
      );
    }
  }
  return pair as CompletePair;
}

function addDefault(
  setting: Setting,
  rest: string[],
  defaults: Record<string, DefaultMapping>,
  classes: DefaultClass[],
): void {
  const { key, value, origin } = setting;
  const scheme = rest[1];
  if (rest[0] !== 'fs' || !scheme || rest.length > 2 || !/^[a-z0-9][a-z0-9_+-]*$/.test(scheme)) {
    throw badConfig(origin, `"${key}" must be routerfs.default.fs.<scheme>.`);
  }
  const before = defaults[scheme];
  if (before) throw badConfig(origin, `${key} is set a second time (first at ${before.origin}).`);
  if (value === '') {
    throw badConfig(origin, `${key} is empty: name a scheme or a file system class.`);
  }
  if (/^[a-z0-9][a-z0-9_+-]*(:\/\/)?$/.test(value)) {
    defaults[scheme] = { with: `${value.replace(/:\/\/$/, '')}://`, origin };
  } else {
    defaults[scheme] = { with: `${scheme}-default://`, origin };
    classes.push({ scheme: `${scheme}-default`, className: value, origin });
  }
}

function defaultOf(pair: CompletePair): [scheme: string, target: DefaultMapping] {
  const scheme = pair.group.slice(0, -'-default'.length);
  const { origin, key } = pair.replace;
  if (prefixOf(pair.replace) !== `${scheme}://`) {
    throw badConfig(
      origin,
      `${key} must replace all of its scheme, '^${scheme}://', and is "${pair.replace.value}".`,
    );
  }
  return [scheme, { with: pair.with.value, origin: pair.with.origin }];
}

/** Every mapping must fit one grammar, the same for all. */
function checkGrammar(
  pairs: readonly CompletePair[],
  bySource: Setting | undefined,
  byTarget: Setting | undefined,
): void {
  const isBySource = (pair: CompletePair): boolean => schemeOf(pair.replace) === pair.group;
  const isByTarget = (pair: CompletePair): boolean => schemeOf(pair.with) === pair.group;
  for (const pair of pairs) {
    const { replace, group } = pair;
    if (!isBySource(pair) && !isByTarget(pair)) {
      throw badConfig(
        replace.origin,
        `Mapping ${group}.${pair.index} is in group "${group}", which is the scheme neither of what it replaces (${replace.value}) nor of its target (${pair.with.value}).`,
      );
    }
    if (bySource && !isBySource(pair)) {
      throw badConfig(
        replace.origin,
        `Mapping ${group}.${pair.index} replaces ${replace.value}, so its group must be "${schemeOf(replace)}": ${bySource.key} at ${bySource.origin} says that this file groups mappings by the scheme they replace.`,
      );
    }
    if (byTarget && !isByTarget(pair)) {
      throw badConfig(
        replace.origin,
        `Mapping ${group}.${pair.index} leads to ${pair.with.value}, so its group must be "${schemeOf(pair.with)}": ${byTarget.key} at ${byTarget.origin} says that this file groups mappings by the scheme of their target.`,
      );
    }
  }
  const source = pairs.find((pair) => !isByTarget(pair));
  const target = pairs.find((pair) => !isBySource(pair));
  if (source && target) {
    throw badConfig(
      target.replace.origin,
      `Two grammars are mixed: mapping ${source.group}.${source.index} at ${source.replace.origin} is grouped by the scheme it replaces, mapping ${target.group}.${target.index} here by the scheme of its target. Use one of them, so that the order is plain.`,
    );
  }
}

const schemeOf = (setting: Setting): string => splitUri(prefixOf(setting))!.scheme;
