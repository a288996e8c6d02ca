import { setTimeout as sleep } from 'node:timers/promises';
import { isError, SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import { ParquetWriter } from '../../base/parquet/writer.ts';
import type { JobContext, PartContext } from '../../jobs/kind.ts';
import type { Part, PartResult } from '../../jobs/part.ts';
import { VectorFile } from '../layouts/file.ts';
import { layoutNamed } from '../layouts/index.ts';
import { type ClassSchema, isMultiTenant } from '../schema.ts';
import type { WeaviateClient } from '../weaviate/client.ts';
import type { ExportPartData, ExportPlace } from './part.ts';
import { type ExportPartBody, type PinnedVectors, propertiesOf, schemaOf } from './pinned.ts';
import type { VectorExportSpec } from './spec.ts';
import { Upload } from './upload.ts';

/** Milliseconds between looks at the server's export. */
const POLL = 1000;

interface NativeStatus {
  status: string;
  error?: string;
}

/**
 * Has the server write its own export (Weaviate 1.37, `POST /v1/export/{backend}`) and waits for its end. An
 * export of this id that runs already, begun by a try before this one, is waited for.
 * @throws SluiceError UNSUPPORTED when the server cannot, or what it failed with
 */
export async function runNativeExport(
  client: WeaviateClient,
  spec: VectorExportSpec,
  classes: string[],
  context: JobContext,
): Promise<void> {
  const { backend } = spec.native!;
  const path = `/export/${backend}`;
  try {
    await client.rest.call('POST', path, {
      signal: context.signal,
      body: { id: spec.id, file_format: 'parquet', include: classes },
    });
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) {
      throw new SluiceError(
        'UNSUPPORTED',
        'This Weaviate has no export of its own (it needs 1.37 and EXPORT_ENABLED=true); leave out --source native.',
      );
    }
    if (!isError(error, 'ALREADY_EXISTS')) throw error;
  }
  for (;;) {
    const { status, error } = await client.rest.call<NativeStatus>('GET', `${path}/${spec.id}`, {
      signal: context.signal,
    });
    if (status === 'SUCCESS') return;
    if (status === 'FAILED' || status === 'CANCELED') {
      throw new SluiceError(
        'CONFLICT',
        `The server's own export "${spec.id}" ended as ${status}: ${error ?? 'no reason given'}.`,
      );
    }
    await sleep(POLL, undefined, { signal: context.signal });
  }
}

/** One part for each file that the server wrote. */
export async function* planNative(
  spec: VectorExportSpec,
  schemas: readonly ClassSchema[],
  context: JobContext,
): AsyncGenerator<Part> {
  const { store, path } = await context.open(spec.native!.output);
  const root = `${asFolder(path)}${spec.id}/`;
  const counts = new Map<string, number>();
  const files: { key: string; index: number; rows: number; tenant: string | undefined }[] = [];
  for await (const page of store.list({ prefix: root, signal: context.signal })) {
    for (const { key } of page.objects) {
      if (!key.endsWith('.parquet')) continue;
      const file = await VectorFile.open(store, key, context.signal);
      const index = schemas.findIndex((schema) => schema.class === file.className);
      if (index < 0) continue;
      files.push({ key, index, rows: file.rows, tenant: file.tenant });
      counts.set(file.className, (counts.get(file.className) ?? 0) + 1);
    }
  }
  if (files.length === 0 && schemas.length > 0) {
    const { body } = await store.get(`${root}export_metadata.json`, { signal: context.signal }).catch(() => {
      throw new SluiceError(
        'NOT_FOUND',
        `The server's export "${spec.id}" is not in ${spec.native!.output}; --native-output must be the place the server writes to.`,
      );
    });
    body.destroy();
  }
  files.sort((a, b) => a.index - b.index || (a.key < b.key ? -1 : 1));
  const numbers = new Map<number, number>();
  for (const { key, index, rows, tenant } of files) {
    const name = schemas[index]!.class;
    const number = numbers.get(index) ?? 0;
    numbers.set(index, number + 1);
    const numbered = String(number).padStart(5, '0');
    const file = counts.get(name) === 1 ? `${name}.parquet` : `${name}/${numbered}.parquet`;
    const body: ExportPartBody = {
      class: index,
      slices: [],
      file,
      ...(tenant === undefined ? {} : { tenant }),
      evenEmpty: false,
      skip: [],
      native: key,
    };
    const id = `${String(index).padStart(5, '0')}-${String(number).padStart(8, '0')}`;
    yield { id, stage: 0, label: file, body: body as Json, counts: { plannedObjects: rows } };
  }
}

/** Takes a file that the server wrote: as it is, or turned into the typed layout. */
export async function takeNative(
  body: ExportPartBody,
  pinned: PinnedVectors,
  place: ExportPlace,
  context: PartContext,
): Promise<PartResult> {
  const { spec } = pinned;
  const { store } = await context.open(spec.native!.output);
  const source = await VectorFile.open(store, body.native!, context.signal);
  const schema = schemaOf(pinned, body.class);
  const layout = layoutNamed(spec.layout, {
    schema,
    properties: propertiesOf(schema, spec),
    vectors: spec.vectors,
    tenants: isMultiTenant(schema),
  });
  const upload = new Upload(place.store, `${place.root}${body.file}`, {
    contentType: 'application/vnd.apache.parquet',
    signal: context.signal,
  });
  try {
    const writer = new ParquetWriter({
      columns: layout.columns,
      compression: spec.compression,
      level: spec.level,
      rowGroupRows: spec.rowGroupRows,
      sink: (bytes) => upload.write(bytes),
    });
    let rows = 0;
    for await (const group of source.groups()) {
      for (const { object, tenant } of group) {
        writer.add(layout.row(object, tenant));
        if (writer.full) await writer.flush();
      }
      rows += group.length;
      context.progress({ objects: group.length });
    }
    const tenant = spec.layout === 'weaviate' ? body.tenant : undefined;
    const written = await writer.finish(await layout.metadata({ tenant, exportId: spec.id }));
    await upload.end();
    const data: ExportPartData = {
      file: { key: body.file, rows, bytes: written.bytes },
      rows: { [body.tenant ?? '']: rows },
      skipped: [],
    };
    return { counts: { objects: rows, bytes: written.bytes }, data };
  } catch (error) {
    await upload.abort();
    throw error;
  }
}
