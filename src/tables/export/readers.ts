import type { Catalog } from '../catalogs/catalog.ts';
import type { Lake } from '../lake.ts';
import { SOURCE_TEMPLATE } from '../methods/clone-result.ts';
import { readableAddress } from '../methods/native/addresses.ts';
import type { MethodName, TableExportSpec } from './spec.ts';

/**
 * Whether those who read a table by the catalog can reach its files, which a shallow clone leaves in the lake: what the
 * catalog's external locations tell.
 * @returns what is missing; undefined when nothing is, or it cannot be told
 */
export async function readersWarning(
  table: { method: MethodName; fullName: string },
  spec: TableExportSpec,
  repository: string,
  lake: Lake,
  catalog: Catalog,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (table.method === 'copy') return undefined;
  const files =
    table.method === 'native'
      ? readableAddress(folder(await lake.storageNamespace(repository)), spec.addresses)
      : folder((spec.source_template ?? SOURCE_TEMPLATE).replace(/\{commit\}.*$/s, ''), repository);
  if (/^(file|local):/.test(files)) return undefined;
  const locations = await catalog.externalLocations(signal);
  if (!locations || locations.some((url) => comparable(files).startsWith(folder(comparable(url))))) {
    return undefined;
  }
  const remedy =
    table.method === 'native'
      ? 'Make an external location for it and grant its readers READ FILES, or use method "copy"'
      : 'Only clusters with settings of their own for it can read the table, no SQL warehouse; for those use method "native" with an external location for the bucket of lakeFS, or "copy"';
  return `${catalog.name} shows no external location that covers ${files}, where the files of ${table.fullName} are: readers who rely on the catalog's credentials are denied. ${remedy}.`;
}

function folder(uri: string, repository = ''): string {
  return `${uri.replaceAll('{repository}', repository).replace(/\/+$/, '')}/`;
}

/** S3's schemes name the same objects. */
const comparable = (uri: string): string => uri.replace(/^s3[an]:/, 's3:');
