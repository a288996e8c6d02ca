import type { Connection } from '../base/connections.ts';
import { toSluiceError } from '../base/errors.ts';
import type { Problem } from './check.ts';
import type { Loaded } from './load.ts';

/**
 * Who reads a connection of a type, and by that checks it. Loaded when such a connection is there; each throws
 * BAD_CONFIG with a sentence.
 */
const READERS: Record<string, () => Promise<(connection: Connection) => unknown>> = {
  s3: async () => (await import('../stores/s3/settings.ts')).parseS3Connection,
  gcs: async () => (await import('../stores/gcs/settings.ts')).parseGcsConnection,
  azure: async () => (await import('../stores/azure/settings.ts')).parseAzureConnection,
  file: async () => (await import('../stores/file/provider.ts')).parseFileConnection,
  lakefs: async () => (await import('../lake/client/connection.ts')).parseLakefsConnection,
  databricks: async () => (await import('../tables/databricks/connection.ts')).parseDatabricksConnection,
  unity: async () => (await import('../tables/catalogs/unity/connection.ts')).parseUnityConnection,
  weaviate: async () => (await import('../vectors/weaviate/connection.ts')).parseWeaviateConnection,
};

/** The mistakes in connections that only their own type knows, with the lines they stand on. */
export async function checkConnections({ settings, places, file }: Loaded): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const connection of settings.connections) {
    const read = await READERS[connection.type]?.();
    try {
      read?.(connection);
    } catch (error) {
      const { message } = toSluiceError(error);
      problems.push({ file: file ?? '', ...placeOf(connection, message, places), message });
    }
  }
  return problems;
}

/** The place of the setting that the message names first, else of the connection's type. */
function placeOf(
  connection: Connection,
  message: string,
  places: Loaded['places'],
): { line: number; column: number } {
  const settings = Object.keys(connection).filter((name) => name !== 'name' && name !== 'type');
  const named = settings.find((name) => new RegExp(`\\b${name}\\b`).test(message));
  const { line, column } = places.get(`connections.${connection.name}.${named ?? 'type'}`) ?? {
    line: 1,
    column: 1,
  };
  return { line, column };
}
