import { createHash } from 'node:crypto';
import { asFolder } from '../base/keys.ts';
import type { OpenStore } from '../stores/open.ts';
import type { Store } from '../stores/store.ts';
import { type Mapping, type RoutingConfig, type Translation, targetOf, translate } from './mapping.ts';
import { CONNECTION_TYPES, splitUri, typeOfScheme } from './uri.ts';

/** Which keys of a bucket a target holds, and under which keys of its own. */
export interface Owner {
  /** Keys of the bucket that begin with this… */
  readonly prefix: string;
  /** …lie in the store under this instead. */
  readonly targetPrefix: string;
  readonly store: Store;
  /** The same in every process with the same configuration; part of upload ids. */
  readonly id: string;
  /** The target's container may be missing from listings, because mappings give the bucket what it shows. */
  readonly optional: boolean;
}

/** One line of a bucket's layout, before its target is opened. */
export interface Rule {
  /** Keys of the bucket that begin with this. */
  prefix: string;
  /** Undefined: the default of the scheme. */
  mapping?: Mapping;
  /** Where a key goes, by what follows the prefix. */
  target(rest: string): Translation;
}

/**
 * The rules of one visible bucket in order, without those that can never take a key because an earlier one
 * takes all of theirs. So along nested prefixes the longer always comes first.
 */
export function rulesOf(config: RoutingConfig, scheme: string, bucket: string): Rule[] {
  const root = `${scheme}://${bucket}/`;
  const rules: Rule[] = [];
  const add = (rule: Rule): void => {
    if (!rules.some((earlier) => rule.prefix.startsWith(earlier.prefix))) rules.push(rule);
  };
  for (const mapping of config.mappings) {
    const { replace } = mapping;
    if (root.startsWith(replace)) {
      const middle = root.slice(replace.length);
      add({ prefix: '', mapping, target: (rest) => targetOf(config, mapping, middle + rest) });
    } else if (replace.startsWith(root)) {
      add({
        prefix: replace.slice(root.length),
        mapping,
        target: (rest) => targetOf(config, mapping, rest),
      });
    }
  }
  if (config.defaults[scheme]) {
    const unmapped = { ...config, mappings: [] };
    add({ prefix: '', target: (rest) => translate(unmapped, root + rest) });
  }
  return rules;
}

/** A target's URI as the stores know it: a scheme of the user's own becomes that of its connection's type. */
export function storeUri(
  config: RoutingConfig,
  { uri, connection }: Pick<Translation, 'uri' | 'connection'>,
): string {
  const named = config.connections.find(({ name }) => name === connection);
  const type = named && CONNECTION_TYPES[named.type];
  const parts = splitUri(uri);
  if (!type || !parts || type.schemes.includes(parts.scheme)) return uri;
  if (named.type === 'file') {
    const root = String(named.root ?? '').replace(/\/+$/, '');
    return `file://${root}/${[parts.authority, parts.key].filter((part) => part).join('/')}`;
  }
  return `${type.schemes[0]}://${uri.slice(parts.scheme.length + 3)}`;
}

/**
 * The length of the part of a target's URI that names its container, with the slash that ends it;
 * undefined when the URI is too short to name one.
 */
export function containerEnd(
  config: RoutingConfig,
  { uri, connection }: Pick<Translation, 'uri' | 'connection'>,
): number | undefined {
  const type =
    config.connections.find(({ name }) => name === connection)?.type ?? typeOfScheme(splitUri(uri)!.scheme);
  const depth = (type === undefined ? undefined : CONNECTION_TYPES[type]?.depth) ?? 1;
  let at = uri.indexOf('://') + 3;
  for (let i = 0; i < depth; i++) {
    const slash = uri.indexOf('/', at);
    if (slash <= at) return undefined;
    at = slash + 1;
  }
  return at;
}

/** Opens the target of the keys with this prefix. @param rest what the keys share after the rule's prefix */
export async function openOwner(
  config: RoutingConfig,
  open: OpenStore,
  rule: Rule,
  rest: string,
  optional: boolean,
): Promise<Owner> {
  const target = rule.target(rest);
  const folder = target.uri.slice(0, target.uri.lastIndexOf('/') + 1);
  const location = await open(storeUri(config, { ...target, uri: folder }), {
    connection: target.connection,
  });
  return {
    prefix: rule.prefix + rest,
    targetPrefix: asFolder(location.path) + target.uri.slice(folder.length),
    store: location.store,
    id: createHash('sha256').update(`${target.connection}\n${target.uri}`).digest('hex').slice(0, 12),
    // A folder is made by the first write; until then it is empty.
    optional: optional || (rule.mapping !== undefined && location.store.kind === 'file'),
  };
}

/** The key in the target of a key (or prefix of keys) that the owner takes. */
export const targetKey = (owner: Owner, key: string): string =>
  owner.targetPrefix + key.slice(owner.prefix.length);

/** The visible key of a key in the target. */
export const visibleKey = (owner: Owner, key: string): string =>
  owner.prefix + key.slice(owner.targetPrefix.length);
