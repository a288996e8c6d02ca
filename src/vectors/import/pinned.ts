import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { Store } from '../../stores/store.ts';
import type { ClassSchema } from '../schema.ts';
import { WeaviateClient } from '../weaviate/client.ts';
import { resolveWeaviate } from '../weaviate/connection.ts';
import type { VectorImportSpec } from './spec.ts';

/** What is fixed when the job starts. */
export interface PinnedImport {
  [key: string]: Json | undefined;
  spec: VectorImportSpec & Json;
  classes: ImportClass[];
  files: ImportFile[];
  /** The source is an increment: the export that it holds the changes of. */
  since?: string;
}

/** For people: why an increment alone is not all there is. */
export function incrementNote({ spec, since }: PinnedImport): string | undefined {
  return since === undefined
    ? undefined
    : `${spec.source} is an increment: only what changed since ${since} is in it. Make one whole export of both (sluice vectors compact ${spec.source} <folder>) and import that; or import that export first and this one with --on-conflict overwrite, which leaves what was deleted meanwhile.`;
}

export interface ImportClass {
  [key: string]: Json | undefined;
  /** In the files. */
  name: string;
  /** In the Weaviate. */
  target: string;
  /** As it is made or was found, under its new name. */
  schema: Json;
  /** The class is to be made. */
  create: boolean;
  /** Properties the class lacks. */
  missing: Json[];
  /** It held no object when the import began, so what is there is the import's own. */
  empty: boolean;
  rows: number;
}

export interface ImportFile {
  [key: string]: Json | undefined;
  key: string;
  /** Place in `classes`. */
  class: number;
  rows: number;
  rowGroups: number;
}

export type ImportPartBody =
  | { what: 'classes' }
  | { what: 'objects' | 'references'; file: number; from: number; to: number };

export function targetSchema(pinned: PinnedImport, index: number): ClassSchema {
  return pinned.classes[index]!.schema as unknown as ClassSchema;
}

export interface ImportPlace {
  client: WeaviateClient;
  source: Store;
  reports: Store;
  /** Folder of this import's report and rejected objects. */
  root: string;
}

/** A client and the Stores of an import, for as long as something works with them. */
export async function withImport<T>(
  spec: VectorImportSpec,
  context: JobContext,
  work: (place: ImportPlace) => Promise<T>,
): Promise<T> {
  const client = new WeaviateClient(resolveWeaviate(spec.weaviate, context.connections, { grpc: spec.grpc }));
  try {
    const { store: source } = await context.open(spec.source, { connection: spec.connection });
    const { store: reports, path } = await context.open(spec.reports);
    return await work({ client, source, reports, root: `${asFolder(path)}${spec.id}/` });
  } finally {
    await client.close();
  }
}
