import { SluiceError } from './errors.ts';

/**
 * A Connection is a named set of endpoint and credentials. Each type's folder has the function that turns
 * it into its own typed settings (stores/s3: parseS3Connection …); here it is only found.
 */
export interface Connection {
  name: string;
  /** s3, gcs, azure, file, memory, lakefs, weaviate, databricks, unity */
  type: string;
  [setting: string]: unknown;
}

export interface Connections {
  /** @throws SluiceError NOT_FOUND, naming the connections that exist */
  named(name: string): Connection;
  /** The connection that `use` gives to the longest prefix of this URI; undefined: the environment's own credentials. */
  forUri(uri: string): Connection | undefined;
}

/**
 * @param use URI prefix → connection name; the longest prefix wins. With no arguments there are no connections and
 *   everything comes from the environment.
 */
export function connectionsOf(
  list: readonly Connection[] = [],
  use: Readonly<Record<string, string>> = {},
): Connections {
  const byName = new Map(list.map((connection) => [connection.name, connection]));
  const prefixes = Object.keys(use).sort((a, b) => b.length - a.length);
  const named = (name: string): Connection => {
    const found = byName.get(name);
    if (found) return found;
    const known = [...byName.keys()].join(', ') || 'none';
    throw new SluiceError(
      'NOT_FOUND',
      `There is no connection "${name}" in the configuration (there are: ${known}).`,
    );
  };
  return {
    named,
    forUri(uri) {
      const prefix = prefixes.find((candidate) => uri.startsWith(candidate));
      return prefix === undefined ? undefined : named(use[prefix]!);
    },
  };
}
