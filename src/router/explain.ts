import { type Mapping, type RoutingConfig, type Translation, translate } from './mapping.ts';
import { storeUri } from './targets.ts';
import { normalizeScheme, splitUri } from './uri.ts';

/** Which mapping takes a URI, and why. */
export interface Explanation {
  /** As asked, with its scheme in lower case. */
  uri: string;
  /** The mappings for its scheme that were tried before, in order, and why each did not take it. */
  tried: { mapping: Mapping; why: string }[];
  /** The mapping that takes it; undefined: the default. */
  mapping?: Mapping;
  /** The default in use, for the URI itself or for its target's scheme. */
  default?: Translation['default'];
  /** In the words of the configuration. */
  target: string;
  /** As the store is opened. */
  opened: string;
  /** The connection's name; undefined: the environment's own credentials. */
  connection?: string;
  /** Mappings that would also take it, had this one not come first. */
  shadowed: Mapping[];
}

/** @throws SluiceError BAD_URI when the scheme is not routed */
export function explainUri(config: RoutingConfig, asked: string): Explanation {
  const uri = normalizeScheme(asked);
  const translation = translate(config, uri);
  const scheme = splitUri(uri)?.scheme;
  const at = translation.mapping ? config.mappings.indexOf(translation.mapping) : config.mappings.length;
  return {
    uri,
    tried: config.mappings
      .slice(0, at)
      .filter(({ replace }) => splitUri(replace)!.scheme === scheme)
      .map((mapping) => ({ mapping, why: difference(uri, mapping.replace) })),
    mapping: translation.mapping,
    default: translation.default,
    target: translation.uri,
    opened: storeUri(config, translation),
    connection: translation.connection,
    shadowed: config.mappings.slice(at + 1).filter(({ replace }) => uri.startsWith(replace)),
  };
}

function difference(uri: string, prefix: string): string {
  let same = 0;
  while (same < prefix.length && uri[same] === prefix[same]) same++;
  if (same === uri.length) return `the URI ends before the prefix ${prefix} does`;
  return `the prefix ${prefix} goes on with "${prefix.slice(same)}" where the URI has "${uri.slice(same, same + 20)}"`;
}
