import { badConfig, type GatewayClient } from './mapping.ts';
import type { Setting } from './routerfs.ts';
import { normalizeScheme, splitUri } from './uri.ts';

const PREFIX = 'gateway.client.';
const FIELDS = ['access.key', 'secret.key', 'allow'] as const;
type Field = (typeof FIELDS)[number];

/**
 * Reads `gateway.client.<name>.access.key`, `.secret.key` and `.allow`: a comma-separated list of
 * `prefix=rights`, such as `s3a://bucket/=rwd`.
 * @throws SluiceError BAD_CONFIG, naming the line
 */
export function parseClients(settings: readonly Setting[]): GatewayClient[] {
  const byName = new Map<string, Map<Field, Setting>>();
  for (const setting of settings) {
    if (!setting.key.startsWith('gateway.')) continue;
    if (!setting.key.startsWith(PREFIX)) {
      throw badConfig(
        setting.origin,
        `"${setting.key}" is no setting of such a file, which holds ${PREFIX}… only: what else the gateway needs is given as an option (sluice route --help) or in sluice.yaml.`,
      );
    }
    const rest = setting.key.slice(PREFIX.length);
    const field = FIELDS.find((each) => rest.endsWith(`.${each}`));
    const name = field && rest.slice(0, -field.length - 1);
    if (!field || !name) {
      throw badConfig(
        setting.origin,
        `"${setting.key}" is not a setting of a client (${FIELDS.map((each) => `${PREFIX}<name>.${each}`).join(', ')}).`,
      );
    }
    const fields = byName.get(name) ?? new Map<Field, Setting>();
    fields.set(field, setting);
    byName.set(name, fields);
  }
  const clients = [...byName].map(([name, fields]): GatewayClient => {
    const some = [...fields.values()][0]!;
    const value = (field: Field): Setting => {
      const found = fields.get(field);
      if (found && found.value !== '') return found;
      throw badConfig(found?.origin ?? some.origin, `Client ${name} has no ${PREFIX}${name}.${field}.`);
    };
    const allow = value('allow');
    return {
      name,
      accessKey: value('access.key').value,
      secretKey: value('secret.key').value,
      allow: allow.value.split(',').map((entry) => {
        const at = entry.lastIndexOf('=');
        if (at < 0) {
          throw badConfig(
            allow.origin,
            `Client ${name}: "${entry.trim()}" must be a prefix and the rights for it, such as s3a://bucket/=rwd.`,
          );
        }
        return allowEntry(entry.slice(0, at).trim(), entry.slice(at + 1).trim(), allow.origin, name);
      }),
    };
  });
  checkDistinct(clients, (name) => [...byName.get(name)!.values()][0]!.origin);
  return clients;
}

/** One entry of what a client may do. @throws SluiceError BAD_CONFIG */
export function allowEntry(
  prefix: string,
  rights: string,
  origin: string,
  client: string,
): GatewayClient['allow'][number] {
  if (!splitUri(prefix)) {
    throw badConfig(
      origin,
      `Client ${client}: "${prefix}" is not the beginning of a URI, such as s3a://bucket/.`,
    );
  }
  if (!/^(?=.)r?w?d?$/.test([...rights].sort((a, b) => 'rwd'.indexOf(a) - 'rwd'.indexOf(b)).join(''))) {
    throw badConfig(
      origin,
      `Client ${client}: the rights of ${prefix} must be of the letters r (read), w (write) and d (delete), and are "${rights}".`,
    );
  }
  return {
    prefix: normalizeScheme(prefix),
    read: rights.includes('r'),
    write: rights.includes('w'),
    delete: rights.includes('d'),
  };
}

/** @throws SluiceError BAD_CONFIG when two clients have the same access key */
export function checkDistinct(
  clients: readonly GatewayClient[],
  originOf: (name: string) => string = (name) => `client ${name}`,
): void {
  const names = new Map<string, string>();
  for (const { name, accessKey } of clients) {
    const other = names.get(accessKey);
    if (other !== undefined) {
      throw badConfig(originOf(name), `Clients ${other} and ${name} have the same access key.`);
    }
    names.set(accessKey, name);
  }
}
