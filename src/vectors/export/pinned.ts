import { globToRegExp } from '../../base/glob.ts';
import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { JobContext } from '../../jobs/kind.ts';
import { openFolder } from '../../stores/folder.ts';
import type { Store } from '../../stores/store.ts';
import type { ExportColumns } from '../chain.ts';
import type { ClassSchema } from '../schema.ts';
import { WeaviateClient } from '../weaviate/client.ts';
import { resolveWeaviate } from '../weaviate/connection.ts';
import type { VectorExportSpec } from './spec.ts';

/** What is fixed when the job starts. */
export interface PinnedVectors {
  [key: string]: Json | undefined;
  spec: VectorExportSpec & Json;
  /** Of the server. */
  version: string;
  /** When reading began by the server's clock, milliseconds since 1970. */
  startedAt: number;
  /** The key of the plan under the export's folder: each has its own, so that none takes another's. */
  plan: string;
  classes: PinnedClass[];
}

export interface PinnedClass {
  [key: string]: Json | undefined;
  name: string;
  /** As GET /v1/schema/{class} gave it. */
  schema: Json;
  multiTenant: boolean;
  /** Objects the server counted; tenants that could not be counted are not in it. */
  objects: number;
  /** Shards of a class without tenants. */
  shards: string[];
}

/** What a part reads: one file's worth of a class. */
export interface ExportPartBody {
  [key: string]: Json | undefined;
  /** Place in `classes`. */
  class: number;
  /** Read one after the other. */
  slices: Slice[];
  /** The key under the export's folder. */
  file: string;
  /** The file's only tenant. */
  tenant?: string;
  /** Written even when there is no object. */
  evenEmpty: boolean;
  /** Tenants that are not read, with the reason; such a part has no slices. */
  skip: { tenant: string; reason: string }[];
  /** The key of the server's own file that is taken, in place of reading slices. */
  native?: string;
}

export interface Slice {
  [key: string]: Json | undefined;
  tenant?: string;
  after?: string;
  upTo?: string;
  /** Objects it is thought to hold. */
  expected: number;
  /** The tenant is to be activated for reading, then put back to this state. */
  putBack?: string;
  /** The earlier exports have the tenant and the server no longer: all its ids are deleted ones. */
  gone?: true;
}

/** What a part leaves for the end of the job. */
export interface ExportPartData {
  [key: string]: Json | undefined;
  /** Not there when there was nothing to write. */
  file?: { key: string; rows: number; bytes: number };
  /** Ids that the earlier export has and the server no longer; not there when there are none. */
  deleted?: { key: string; rows: number };
  /** Rows by tenant ('' without tenants). */
  rows: Record<string, number>;
  /** Of an increment, by tenant. */
  balance?: Record<string, Balance>;
  /** Tenants that were not read, and why. */
  skipped: { tenant: string; reason: string }[];
}

/** How an increment comes from the earlier exports to what the server has: earlier + added - deleted. */
export interface Balance {
  [key: string]: number;
  earlier: number;
  added: number;
  deleted: number;
}

/** What an export works with: the server, and the folder of its files. */
export interface ExportPlace {
  client: WeaviateClient;
  store: Store;
  root: string;
}

export function schemaOf(pinned: PinnedVectors, index: number): ClassSchema {
  return pinned.classes[index]!.schema as unknown as ClassSchema;
}

/** The folder of the export's files: in the destination, named by the id. */
export function exportRoot(path: string, spec: VectorExportSpec): string {
  return `${asFolder(path)}${spec.id}/`;
}

/** The key under the export's folder of a class's only file, or of one tenant's, without its ending. */
export function fileName(spec: VectorExportSpec, className: string, tenant: string | undefined): string {
  if (tenant === undefined || spec.partitionBy !== 'tenant') return className;
  // In Weaviate's own layout a file is named by class and shard, which is the tenant.
  return spec.layout === 'weaviate' ? `${className}_${tenant}` : `${className}/tenant=${tenant}/data`;
}

export const numbered = (i: number): string => String(i).padStart(5, '0');

/** A client and the place of the export's files, for as long as something works on them. */
export async function withExport<T>(
  spec: VectorExportSpec,
  context: JobContext,
  work: (place: ExportPlace) => Promise<T>,
): Promise<T> {
  const client = new WeaviateClient(resolveWeaviate(spec.weaviate, context.connections, { grpc: spec.grpc }));
  try {
    const { store, root } = await openFolder(context.open, spec.destination, { connection: spec.connection });
    return await work({ client, store, root: exportRoot(root, spec) });
  } finally {
    await client.close();
  }
}

/** Sluice's own files of an export: its plan and its report. */
export const OWN_FOLDER = '_sluice/';
/** The last file written; the same name as in Weaviate's own exports. */
export const METADATA_FILE = 'export_metadata.json';

/** Takes names that match any of the globs; no globs take all. */
export function nameFilter(globs: readonly string[] | undefined): (name: string) => boolean {
  if (!globs) return () => true;
  const expressions = globs.map(globToRegExp);
  return (name) => expressions.some((expression) => expression.test(name));
}

/** What the export takes of each object, as the metadata file says it. */
export function columnsOf({ vectors, properties }: VectorExportSpec): ExportColumns {
  return { vectors, ...(properties && { properties: [...properties].sort() }) };
}

/** The properties that the export writes. */
export function propertiesOf(schema: ClassSchema, spec: VectorExportSpec): Set<string> {
  const wanted = nameFilter(spec.properties);
  return new Set((schema.properties ?? []).map((property) => property.name).filter(wanted));
}
