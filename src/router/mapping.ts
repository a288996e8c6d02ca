import type { Connection } from '../base/connections.ts';
import { SluiceError } from '../base/errors.ts';
import { normalizeScheme, splitUri } from './uri.ts';

/** One rule: URIs that begin with `replace` lie at `with` followed by their rest. Both are plain prefixes. */
export interface Mapping {
  /** As messages call it, such as `lakefs.1`. */
  name: string;
  replace: string;
  with: string;
  /** The connection that opens the target; without it `use` decides. */
  connection?: string;
  /** Where it is written, such as `routes.properties:3`. */
  origin: string;
}

/** Where the URIs of a scheme go that no mapping takes: the scheme's `scheme://` is replaced. */
export interface DefaultMapping {
  with: string;
  connection?: string;
  origin: string;
}

/** Somebody who may use the gateway, with keys of his own. */
export interface GatewayClient {
  name: string;
  accessKey: string;
  secretKey: string;
  /** The visible URIs that begin with `prefix`; what no entry allows is denied. */
  allow: { prefix: string; read: boolean; write: boolean; delete: boolean }[];
}

/** What a router is configured with, from whichever file it came. */
export interface RoutingConfig {
  /** In the order in which they are tried. */
  mappings: readonly Mapping[];
  /** By scheme, in lower case. */
  defaults: Readonly<Record<string, DefaultMapping>>;
  /** The connections that mappings, defaults and `use` name. */
  connections: readonly Connection[];
  /** URI prefix of a target → connection; the longest prefix wins. As in sluice.yaml. */
  use: Readonly<Record<string, string>>;
  clients: readonly GatewayClient[];
  /** Sentences about what is allowed and probably not meant. */
  warnings: readonly string[];
}

/** What `checkRouting` takes: the origins may be left out of a configuration written in code. */
export interface RoutingDraft {
  mappings?: readonly (Omit<Mapping, 'name' | 'origin'> & { name?: string; origin?: string })[];
  defaults?: Readonly<Record<string, Omit<DefaultMapping, 'origin'> & { origin?: string }>>;
  connections?: readonly Connection[];
  use?: Readonly<Record<string, string>>;
  clients?: readonly GatewayClient[];
  /** Schemes that are routed although nothing maps them (`fs.<scheme>.impl=RouterFileSystem`) → where it says so. */
  routed?: Readonly<Record<string, string>>;
}

export const badConfig = (origin: string, what: string): SluiceError =>
  new SluiceError('BAD_CONFIG', `${origin}: ${what}`);

/**
 * Makes a configuration of its parts and proves that it can work: every URI of a routed scheme has
 * exactly one place, and no target leads back into the router.
 *
 * A target in a routed scheme is allowed when no mapping can take it again: it then goes to that scheme's
 * default. A target with a connection of its own is opened by that and never routed.
 *
 * @throws SluiceError BAD_CONFIG, naming the place
 */
export function checkRouting(draft: RoutingDraft): RoutingConfig {
  const mappings = (draft.mappings ?? []).map((mapping, i): Mapping => {
    const name = mapping.name ?? String(i + 1);
    const origin = mapping.origin ?? `mappings[${i}]`;
    return {
      ...mapping,
      name,
      origin,
      replace: asPrefix(mapping.replace, origin, `The prefix that mapping ${name} replaces`),
      with: asPrefix(mapping.with, origin, `The target of mapping ${name}`),
    };
  });
  const defaults: Record<string, DefaultMapping> = {};
  for (const [key, target] of Object.entries(draft.defaults ?? {})) {
    const scheme = key.toLowerCase();
    const origin = target.origin ?? `default.${key}`;
    defaults[scheme] = {
      ...target,
      origin,
      with: asPrefix(target.with, origin, `The default of ${scheme}://`),
    };
  }
  const config: RoutingConfig = {
    mappings,
    defaults,
    connections: draft.connections ?? [],
    use: draft.use ?? {},
    clients: draft.clients ?? [],
    warnings: mappings.flatMap(warningsOf),
  };
  checkConnections(config);
  const routed = routedSchemes(config, draft.routed ?? {});
  checkDefaults(config, routed);
  checkLoops(config, routed);
  return config;
}

/** The target of a URI: by the first mapping that takes it, else by its scheme's default. */
export interface Translation {
  /** The mapping that takes it; undefined: the default. */
  mapping?: Mapping;
  /** The default that was used, for the URI itself or for a target in a routed scheme. */
  default?: DefaultMapping;
  uri: string;
  /** The connection's name where the configuration gives one. */
  connection?: string;
}

/** @throws SluiceError BAD_URI when the URI's scheme is not routed */
export function translate(config: RoutingConfig, uri: string): Translation {
  const asked = normalizeScheme(uri);
  const mapping = config.mappings.find(({ replace }) => asked.startsWith(replace));
  if (mapping) return targetOf(config, mapping, asked.slice(mapping.replace.length));
  const scheme = splitUri(asked)?.scheme;
  const fallback = scheme === undefined ? undefined : config.defaults[scheme];
  if (scheme === undefined || !fallback) {
    const known = [...schemesOf(config)].map((each) => `${each}://`).join(', ') || 'none';
    throw new SluiceError('BAD_URI', `${uri} is not routed: the router takes ${known}.`);
  }
  return throughDefault(config, fallback, asked.slice(scheme.length + 3));
}

/** Where the rest of a URI goes that a mapping takes. */
export function targetOf(config: RoutingConfig, mapping: Mapping, rest: string): Translation {
  const uri = mapping.with + rest;
  const scheme = splitUri(uri)?.scheme ?? '';
  const fallback = mapping.connection === undefined ? config.defaults[scheme] : undefined;
  if (fallback) return { ...throughDefault(config, fallback, uri.slice(scheme.length + 3)), mapping };
  return { mapping, uri, connection: mapping.connection ?? usedBy(config, uri) };
}

function throughDefault(config: RoutingConfig, fallback: DefaultMapping, rest: string): Translation {
  const uri = fallback.with + rest;
  return { default: fallback, uri, connection: fallback.connection ?? usedBy(config, uri) };
}

function usedBy(config: RoutingConfig, uri: string): string | undefined {
  const prefixes = Object.keys(config.use).filter((prefix) => `${uri}/`.startsWith(prefix));
  const longest = prefixes.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : config.use[longest];
}

/** The schemes that clients may use. */
export function schemesOf(config: RoutingConfig): Set<string> {
  return new Set([
    ...config.mappings.map(({ replace }) => splitUri(replace)!.scheme),
    ...Object.keys(config.defaults),
  ]);
}

function asPrefix(text: string, origin: string, what: string): string {
  if (splitUri(text)) return normalizeScheme(text);
  throw badConfig(
    origin,
    `${what} must be the beginning of a URI, such as s3a://bucket/folder/, and is "${text}".`,
  );
}

function routedSchemes(
  config: RoutingConfig,
  declared: Readonly<Record<string, string>>,
): Map<string, string> {
  const routed = new Map(Object.entries(declared));
  for (const { replace, origin } of config.mappings) routed.set(splitUri(replace)!.scheme, origin);
  for (const [scheme, { origin }] of Object.entries(config.defaults)) routed.set(scheme, origin);
  return routed;
}

function checkConnections(config: RoutingConfig): void {
  const names = new Set(config.connections.map(({ name }) => name));
  const check = (name: string | undefined, origin: string): void => {
    if (name === undefined || names.has(name)) return;
    const known = [...names].join(', ') || 'none';
    throw badConfig(origin, `There is no connection "${name}" (there are: ${known}).`);
  };
  for (const { connection, origin } of config.mappings) check(connection, origin);
  for (const { connection, origin } of Object.values(config.defaults)) check(connection, origin);
  for (const [prefix, name] of Object.entries(config.use)) check(name, `use "${prefix}"`);
}

function checkDefaults(config: RoutingConfig, routed: Map<string, string>): void {
  for (const [scheme, origin] of routed) {
    const whole = config.mappings.some(({ replace }) => replace === `${scheme}://`);
    if (!whole && !config.defaults[scheme]) {
      throw badConfig(
        origin,
        `${scheme}:// has no default: say where the URIs go that no mapping takes (routerfs.default.fs.${scheme}, routerfs.mapping.${scheme}-default.replace and .with, or default: {${scheme}: connection} in sluice.yaml).`,
      );
    }
  }
}

function checkLoops(config: RoutingConfig, routed: Map<string, string>): void {
  for (const [scheme, fallback] of Object.entries(config.defaults)) {
    const target = splitUri(fallback.with)!.scheme;
    if (fallback.connection === undefined && routed.has(target)) {
      throw badConfig(
        fallback.origin,
        `The default of ${scheme}:// leads back into the router, because ${target}:// is routed itself. Give the default a scheme of its own, such as ${scheme}-default://.`,
      );
    }
  }
  for (const mapping of config.mappings) {
    const target = splitUri(mapping.with)!.scheme;
    if (mapping.connection !== undefined || !routed.has(target)) continue;
    const again = config.mappings.find(
      ({ replace }) => replace.startsWith(mapping.with) || mapping.with.startsWith(replace),
    );
    if (again) {
      throw badConfig(
        mapping.origin,
        `Mapping ${mapping.name} leads back into the router: its target ${mapping.with} can be taken again by ${again === mapping ? 'itself' : `mapping ${again.name} (${again.origin})`}. Give the target a scheme of its own that is not routed.`,
      );
    }
    if (!config.defaults[target]) {
      throw badConfig(
        mapping.origin,
        `Mapping ${mapping.name} leads back into the router: ${target}:// is routed itself and has no default.`,
      );
    }
  }
}

function warningsOf(mapping: Mapping): string[] {
  const { replace, with: target, name, origin } = mapping;
  if (!replace.endsWith('/') || target.endsWith('/')) return [];
  return [
    `${origin}: Mapping ${name} replaces ${replace}, which ends with a slash, by ${target}, which does not: ${replace}a becomes ${target}a.`,
  ];
}
