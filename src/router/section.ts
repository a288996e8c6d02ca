import type { Connection } from '../base/connections.ts';
import { allowEntry, checkDistinct } from './clients.ts';
import { badConfig, checkRouting, type GatewayClient, type RoutingConfig } from './mapping.ts';
import { splitUri } from './uri.ts';

/** The routing part of sluice.yaml's `gateway`. Other settings of the gateway may stand beside it. */
export interface RoutingSection {
  /** Tried in the order written. `scheme`, when given, must be the scheme of `replace`. */
  mappings?: readonly { scheme?: string; replace: string; with: string; connection?: string }[];
  /** Scheme → connection. */
  default?: Readonly<Record<string, string>>;
  clients?: readonly {
    name: string;
    access_key: string;
    secret_key: string;
    allow: readonly { prefix: string; rights: string }[];
  }[];
}

/**
 * @param connections those of sluice.yaml
 * @param use as in sluice.yaml: which connection opens a target that names none
 * @param originOf the place of a setting for errors, from its path such as `mappings[0].with`
 * @throws SluiceError BAD_CONFIG
 */
export function routingOfSection(
  section: RoutingSection,
  connections: readonly Connection[],
  use: Readonly<Record<string, string>> = {},
  originOf: (path: string) => string = (path) => `gateway.${path}`,
): RoutingConfig {
  const text = (value: unknown, path: string, what: string): string => {
    if (typeof value === 'string' && value !== '') return value;
    throw badConfig(originOf(path), `${what} is missing.`);
  };
  const mappings = (section.mappings ?? []).map((mapping, i) => {
    const origin = originOf(`mappings[${i}]`);
    const replace = text(mapping.replace, `mappings[${i}]`, 'What the mapping replaces ("replace")').replace(
      /^\^/,
      '',
    );
    const scheme = splitUri(replace)?.scheme;
    if (mapping.scheme !== undefined && scheme !== undefined && mapping.scheme.toLowerCase() !== scheme) {
      throw badConfig(origin, `The mapping is for ${mapping.scheme}:// and replaces ${replace}.`);
    }
    return {
      name: `${i + 1}`,
      replace,
      with: text(mapping.with, `mappings[${i}]`, 'The target of the mapping ("with")'),
      connection: mapping.connection,
      origin,
    };
  });
  const defaults = Object.entries(section.default ?? {}).map(([scheme, connection]) => [
    scheme.toLowerCase(),
    {
      with: `${scheme.toLowerCase()}://`,
      connection: text(connection, `default.${scheme}`, `The connection of ${scheme}://`),
      origin: originOf(`default.${scheme}`),
    },
  ]);
  const clients = (section.clients ?? []).map((client, i): GatewayClient => {
    const origin = originOf(`clients[${i}]`);
    const name = text(client.name, `clients[${i}]`, 'The name of the client');
    return {
      name,
      accessKey: text(client.access_key, `clients[${i}]`, `The access_key of client ${name}`),
      secretKey: text(client.secret_key, `clients[${i}]`, `The secret_key of client ${name}`),
      allow: (client.allow ?? []).map((entry) =>
        allowEntry(String(entry.prefix), String(entry.rights), origin, name),
      ),
    };
  });
  checkDistinct(clients);
  return checkRouting({ mappings, defaults: Object.fromEntries(defaults), connections, use, clients });
}
