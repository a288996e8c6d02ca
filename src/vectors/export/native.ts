import { setTimeout as sleep } from 'node:timers/promises';
import { isError, SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { JobContext, PartContext } from '../../jobs/kind.ts';
import type { Part, PartResult } from '../../jobs/part.ts';
import { VectorFile } from '../layouts/file.ts';
import type { ClassSchema } from '../schema.ts';
import type { WeaviateClient } from '../weaviate/client.ts';
import { PartFile } from './part-file.ts';
import {
  type ExportPartBody,
  type ExportPartData,
  type ExportPlace,
  fileName,
  nameFilter,
  numbered,
  type PinnedVectors,
} from './pinned.ts';
import type { VectorExportSpec } from './spec.ts';

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
  const wanted = nameFilter(spec.tenants);
  const counts = new Map<string, number>();
  const files: { key: string; index: number; rows: number; tenant: string | undefined; name: string }[] = [];
  let written = 0;
  for await (const page of store.list({ prefix: root, signal: context.signal })) {
    for (const { key } of page.objects) {
      if (!key.endsWith('.parquet')) continue;
      written++;
      const file = await VectorFile.open(store, key, context.signal);
      const { className, tenant, rows } = file;
      const index = schemas.findIndex((schema) => schema.class === className);
      if (index < 0 || (tenant !== undefined && !wanted(tenant))) continue;
      const name = fileName(spec, className, tenant);
      files.push({ key, index, rows, tenant, name });
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  if (written === 0 && schemas.length > 0) {
    const { body } = await store.get(`${root}export_metadata.json`, { signal: context.signal }).catch(() => {
      throw new SluiceError(
        'NOT_FOUND',
        `The server's export "${spec.id}" is not in ${spec.native!.output}; --native-output must be the place the server writes to.`,
      );
    });
    body.destroy();
  }
  files.sort((a, b) => a.index - b.index || (a.key < b.key ? -1 : 1));
  const numbers = new Map<string, number>();
  for (const [place, { key, index, rows, tenant, name }] of files.entries()) {
    const number = numbers.get(name) ?? 0;
    numbers.set(name, number + 1);
    const file = counts.get(name) === 1 ? `${name}.parquet` : `${name}/${numbered(number)}.parquet`;
    const body: ExportPartBody = {
      class: index,
      slices: [],
      file,
      ...(tenant === undefined ? {} : { tenant }),
      evenEmpty: false,
      skip: [],
      native: key,
    };
    const id = `${numbered(index)}-${String(place).padStart(8, '0')}`;
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
  const file = new PartFile(body, pinned, place, context.signal);
  try {
    let rows = 0;
    for await (const group of source.groups()) {
      for (const { object, tenant } of group) await file.add(object, tenant);
      rows += group.length;
      context.progress({ objects: group.length });
    }
    const written = await file.finish();
    const data: ExportPartData = {
      file: written,
      rows: { [body.tenant ?? '']: rows },
      skipped: [],
    };
    return { counts: { objects: rows, bytes: written.bytes }, data };
  } catch (error) {
    await file.abort();
    throw error;
  }
}
