import type { Column } from '../../base/parquet/schema.ts';
import type { VectorObject } from '../object.ts';
import type { ClassSchema } from '../schema.ts';

export type LayoutName = 'typed' | 'weaviate';

/** What a file holds. */
export interface LayoutOptions {
  schema: ClassSchema;
  /** The class's properties that are written; the others are left out. */
  properties: ReadonlySet<string>;
  vectors: boolean;
  tenants: boolean;
}

/** Objects of one class as rows. */
export interface Layout {
  readonly name: LayoutName;
  readonly columns: Column[];
  /** A row for ParquetWriter.add. */
  row(object: VectorObject, tenant: string | undefined): Record<string, unknown>;
  /** Key-value metadata for the file's footer; called when all rows are there. @param tenant of a file of one tenant */
  metadata(about: { tenant?: string | undefined; exportId: string }): Promise<Record<string, string>>;
}
