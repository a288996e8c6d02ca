import { isError, SluiceError } from '../base/errors.ts';
import { asFolder } from '../base/keys.ts';
import type { Compression } from '../base/parquet/compress.ts';
import { ParquetWriter } from '../base/parquet/writer.ts';
import type { OpenStore } from '../stores/open.ts';
import type { Store } from '../stores/store.ts';
import { type ExportMetadata, type Layer, mergedObjects, openChain } from './chain.ts';
import { METADATA_FILE } from './export/pinned.ts';
import { Upload } from './export/upload.ts';
import { layoutNamed } from './layouts/index.ts';
import type { Layout } from './layouts/layout.ts';
import { type ClassSchema, isMultiTenant } from './schema.ts';

export interface CompactOptions {
  /** URI of the newest export of the chain. */
  source: string;
  /** URI of the folder in which the new export's folder is made. */
  destination: string;
  id: string;
  compression?: Compression;
  rowGroupRows?: number;
  fileRows?: number;
  signal?: AbortSignal;
  onProgress?: (className: string, objects: number) => void;
}

export interface CompactResult {
  destination: string;
  /** How many exports became one. */
  folded: number;
  classes: Record<string, number>;
  files: number;
  bytes: number;
}

/**
 * Makes one whole export of an export and the increments after it: of every object its newest state, without
 * those that were deleted. The chain itself is left as it is. What died is begun again.
 * @throws SluiceError NOT_FOUND (an export of the chain), ALREADY_EXISTS (the id)
 */
export async function compactExports(open: OpenStore, options: CompactOptions): Promise<CompactResult> {
  const chain = await openChain(open, options.source, options.signal);
  const { store, path } = await open(options.destination);
  const root = `${asFolder(path)}${options.id}/`;
  await mustBeFree(store, `${root}${METADATA_FILE}`, options);
  const folding = new Folding(chain, store, root, options);
  const { metadata } = chain[0]!;
  for (const schema of metadata.schemas) await folding.fold(schema);
  const { since: _since, deleted: _deleted, ...kept } = metadata;
  const whole: ExportMetadata = {
    ...kept,
    id: options.id,
    files: folding.files,
    shardStatus: folding.shardStatus,
  };
  await store.put(`${root}${METADATA_FILE}`, Buffer.from(`${JSON.stringify(whole, null, 2)}\n`), {
    contentType: 'application/json',
    signal: options.signal,
  });
  return {
    destination: `${options.destination.replace(/\/+$/, '')}/${options.id}/`,
    folded: chain.length,
    classes: folding.objects,
    files: folding.files.length,
    bytes: folding.files.reduce((sum, file) => sum + file.bytes, 0),
  };
}

async function mustBeFree(store: Store, key: string, { id, destination }: CompactOptions): Promise<void> {
  try {
    await store.head(key);
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return;
    throw error;
  }
  throw new SluiceError(
    'ALREADY_EXISTS',
    `There is an export "${id}" in ${destination} already; choose another id.`,
  );
}

class Folding {
  readonly files: ExportMetadata['files'] = [];
  readonly shardStatus: ExportMetadata['shardStatus'] = {};
  readonly objects: Record<string, number> = {};
  readonly #chain: readonly Layer[];
  readonly #store: Store;
  readonly #root: string;
  readonly #options: CompactOptions;

  constructor(chain: readonly Layer[], store: Store, root: string, options: CompactOptions) {
    this.#chain = chain;
    this.#store = store;
    this.#root = root;
    this.#options = options;
  }

  async fold(schema: ClassSchema): Promise<void> {
    const { metadata } = this.#chain[0]!;
    const name = schema.class;
    const multiTenant = isMultiTenant(schema);
    // Tenants that are gone are not in the newest export's status; those it skipped keep their earlier objects.
    const tenants = multiTenant ? Object.keys(metadata.shardStatus[name] ?? {}) : [undefined];
    const layout = layoutNamed(metadata.layout, {
      schema,
      properties: new Set(schema.properties?.map((property) => property.name)),
      vectors: true,
      tenants: multiTenant,
    });
    const fileRows = this.#options.fileRows ?? 500_000;
    const rows = this.#chain
      .flatMap((layer) => layer.metadata.files)
      .reduce((sum, file) => sum + (file.class === name ? file.rows : 0), 0);
    const own = metadata.layout === 'weaviate' && multiTenant;
    this.shardStatus[name] = {};
    this.objects[name] = 0;
    let output = own ? undefined : new Output(this, name, layout, undefined, rows > fileRows, fileRows);
    for (const tenant of tenants) {
      if (own) output = new Output(this, `${name}_${tenant}`, layout, tenant, rows > fileRows, fileRows);
      let objects = 0;
      const wanted = { className: name, tenant, range: {}, what: 'all' as const };
      for await (const object of mergedObjects(this.#chain, wanted, this.#options.signal)) {
        await output!.add(layout.row(object, tenant));
        objects++;
      }
      if (own) await output!.end(name);
      const shards = Object.keys(metadata.shardStatus[name] ?? {}).join(',');
      this.shardStatus[name][tenant ?? shards] = { status: 'SUCCESS', objectsExported: objects };
      this.objects[name] += objects;
      this.#options.onProgress?.(name, this.objects[name]);
    }
    if (!own) await output!.end(name);
  }

  open(file: string, layout: Layout): { writer: ParquetWriter; upload: Upload } {
    const { compression, rowGroupRows = 10_000, signal } = this.#options;
    const upload = new Upload(this.#store, `${this.#root}${file}`, {
      contentType: 'application/vnd.apache.parquet',
      signal,
    });
    const writer = new ParquetWriter({
      columns: layout.columns,
      compression,
      rowGroupRows,
      sink: (bytes) => upload.write(bytes),
    });
    return { writer, upload };
  }

  get id(): string {
    return this.#options.id;
  }
}

/** The files of a class, or of a tenant where each has its own. */
class Output {
  readonly #folding: Folding;
  readonly #name: string;
  readonly #layout: Layout;
  readonly #tenant: string | undefined;
  readonly #numbered: boolean;
  readonly #fileRows: number;
  readonly #written: { key: string; rows: number; bytes: number }[] = [];
  #open: { file: string; writer: ParquetWriter; upload: Upload; rows: number } | undefined;

  constructor(
    folding: Folding,
    name: string,
    layout: Layout,
    tenant: string | undefined,
    numbered: boolean,
    fileRows: number,
  ) {
    this.#folding = folding;
    this.#name = name;
    this.#layout = layout;
    this.#tenant = tenant;
    this.#numbered = numbered;
    this.#fileRows = fileRows;
  }

  async add(row: Record<string, unknown>): Promise<void> {
    const open = this.#file();
    open.writer.add(row);
    if (open.writer.full) await open.writer.flush();
    if (++open.rows >= this.#fileRows) await this.#close();
  }

  async end(className: string): Promise<void> {
    // A typed class without objects still has its schema in a file.
    if (this.#written.length === 0 && this.#layout.name === 'typed') this.#file();
    await this.#close();
    for (const file of this.#written) this.#folding.files.push({ class: className, ...file });
  }

  #file(): { file: string; writer: ParquetWriter; upload: Upload; rows: number } {
    if (!this.#open) {
      const number = String(this.#written.length).padStart(5, '0');
      const file = this.#numbered ? `${this.#name}/${number}.parquet` : `${this.#name}.parquet`;
      this.#open = { file, rows: 0, ...this.#folding.open(file, this.#layout) };
    }
    return this.#open;
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    const { file, writer, upload } = this.#open;
    this.#open = undefined;
    const metadata = await this.#layout.metadata({ tenant: this.#tenant, exportId: this.#folding.id });
    const { rows, bytes } = await writer.finish(metadata);
    await upload.end();
    this.#written.push({ key: file, rows, bytes });
  }
}
