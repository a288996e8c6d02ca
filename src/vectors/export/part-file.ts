import { ParquetWriter } from '../../base/parquet/writer.ts';
import { layoutNamed } from '../layouts/index.ts';
import type { Layout } from '../layouts/layout.ts';
import type { VectorObject } from '../object.ts';
import { isMultiTenant } from '../schema.ts';
import {
  type ExportPartBody,
  type ExportPlace,
  type PinnedVectors,
  propertiesOf,
  schemaOf,
} from './pinned.ts';
import { Upload } from './upload.ts';

/** The file of a part as it is written: it appears complete, or not at all. */
export class PartFile {
  readonly #body: ExportPartBody;
  readonly #exportId: string;
  readonly #layout: Layout;
  readonly #writer: ParquetWriter;
  #upload: Upload | undefined;

  constructor(body: ExportPartBody, pinned: PinnedVectors, place: ExportPlace, signal: AbortSignal) {
    const { spec } = pinned;
    const schema = schemaOf(pinned, body.class);
    this.#body = body;
    this.#exportId = spec.id;
    this.#layout = layoutNamed(spec.layout, {
      schema,
      properties: propertiesOf(schema, spec),
      vectors: spec.vectors,
      tenants: isMultiTenant(schema),
    });
    this.#writer = new ParquetWriter({
      columns: this.#layout.columns,
      compression: spec.compression,
      level: spec.level,
      rowGroupRows: spec.rowGroupRows,
      sink: (bytes) => {
        // Begun with the first bytes, so that an empty part leaves nothing.
        this.#upload ??= new Upload(place.store, `${place.root}${body.file}`, {
          contentType: 'application/vnd.apache.parquet',
          signal,
        });
        return this.#upload.write(bytes);
      },
    });
  }

  /** Written so far. */
  get bytes(): number {
    return this.#writer.bytes;
  }

  async add(object: VectorObject, tenant: string | undefined): Promise<void> {
    this.#writer.add(this.#layout.row(object, tenant));
    if (this.#writer.full) await this.#writer.flush();
  }

  async finish(): Promise<{ key: string; rows: number; bytes: number }> {
    const { file, tenant } = this.#body;
    const { rows, bytes } = await this.#writer.finish(
      await this.#layout.metadata({ tenant, exportId: this.#exportId }),
    );
    await this.#upload!.end();
    return { key: file, rows, bytes };
  }

  /** Nothing appears, and a file that is there stays. */
  async abort(): Promise<void> {
    await this.#upload?.abort();
  }
}
