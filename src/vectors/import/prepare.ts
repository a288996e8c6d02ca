import { isError, SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { Part } from '../../jobs/part.ts';
import { readAll } from '../../stores/read.ts';
import type { Store } from '../../stores/store.ts';
import { DELETED_FOLDER } from '../export/deletions.ts';
import { METADATA_FILE, nameFilter } from '../export/pinned.ts';
import { VectorFile } from '../layouts/file.ts';
import { type ClassSchema, isMultiTenant, isReference, type PropertySchema } from '../schema.ts';
import type { WeaviateClient } from '../weaviate/client.ts';
import { inferSchema } from './infer.ts';
import {
  type ImportClass,
  type ImportFile,
  type ImportPlace,
  type PinnedImport,
  targetSchema,
} from './pinned.ts';
import type { VectorImportSpec } from './spec.ts';

/** About how many rows a part imports. */
const ROWS_A_PART = 20_000;

/**
 * Reads the footers of all files and looks at what the Weaviate has; changes nothing.
 * @throws SluiceError NOT_FOUND (no such files), CONFLICT (a class is there and is another)
 */
export async function prepareImport(
  spec: VectorImportSpec,
  place: ImportPlace,
  context: JobContext,
): Promise<PinnedImport> {
  const { path } = await context.open(spec.source, { connection: spec.connection });
  const included = nameFilter(spec.include.length > 0 ? spec.include : undefined);
  const excluded = nameFilter(spec.exclude);
  const files: ImportFile[] = [];
  const found = new Map<
    string,
    { schema: ClassSchema | undefined; sample: VectorFile | undefined; rows: number }
  >();
  const places = new Map<string, number>();
  const metadata = await readMetadata(place.source, path, context.signal);
  // Of an export by Sluice, the files that it consists of: others may be left of a run that did not end.
  const named = metadata?.files?.map(({ key }) => asFolder(path) + key);
  for await (const key of named ?? parquetKeys(place.source, path, context.signal)) {
    const file = await VectorFile.open(place.source, key, context.signal);
    if (!included(file.className) || excluded(file.className)) continue;
    const known = found.get(file.className) ?? { schema: undefined, sample: file, rows: 0 };
    known.schema ??= file.schema;
    known.rows += file.rows;
    found.set(file.className, known);
    if (!places.has(file.className)) places.set(file.className, places.size);
    files.push({ key, class: places.get(file.className)!, rows: file.rows, rowGroups: file.rowGroups });
  }
  for (const schema of metadata?.schemas ?? []) {
    // A class without objects may have no file.
    if (found.has(schema.class) || !included(schema.class) || excluded(schema.class)) continue;
    found.set(schema.class, { schema, sample: undefined, rows: 0 });
  }
  if (found.size === 0) {
    throw new SluiceError('NOT_FOUND', `There is no Parquet file of vectors to import in ${spec.source}.`);
  }
  const classes: ImportClass[] = [];
  for (const [name, { schema, sample, rows }] of found) {
    const wanted = renamed(schema ?? (await inferSchema(sample!)), spec.rename);
    classes.push(await plannedClass(place.client, name, rows, wanted, context.signal));
  }
  for (const old of Object.keys(spec.rename)) {
    if (!found.has(old))
      throw new SluiceError('BAD_SPEC', `No file holds the class "${old}" that is to be renamed.`);
  }
  return { spec, classes, files, since: metadata?.since };
}

async function plannedClass(
  client: WeaviateClient,
  name: string,
  rows: number,
  wanted: ClassSchema,
  signal: AbortSignal,
): Promise<ImportClass> {
  const there = await client.classNamed(wanted.class, signal);
  if (!there) {
    return {
      name,
      rows,
      target: wanted.class,
      schema: wanted as unknown as Json,
      create: true,
      missing: [],
      empty: true,
    };
  }
  const missing = missingProperties(wanted, there);
  const merged: ClassSchema = { ...there, properties: [...(there.properties ?? []), ...missing] };
  return {
    name,
    rows,
    target: wanted.class,
    schema: merged as unknown as Json,
    create: false,
    missing: missing as unknown as Json[],
    empty: !isMultiTenant(there) && (await client.count(wanted.class, undefined, signal)) === 0,
  };
}

function missingProperties(wanted: ClassSchema, there: ClassSchema): PropertySchema[] {
  if (isMultiTenant(wanted) !== isMultiTenant(there)) {
    throw new SluiceError(
      'CONFLICT',
      `The class ${there.class} is there ${isMultiTenant(there) ? 'with' : 'without'} tenants, unlike the files; import under another name with --rename.`,
    );
  }
  const byName = new Map((there.properties ?? []).map((property) => [property.name, property]));
  return (wanted.properties ?? []).filter((property) => {
    const own = byName.get(property.name);
    if (own && own.dataType.join() !== property.dataType.join()) {
      throw new SluiceError(
        'CONFLICT',
        `The property ${there.class}.${property.name} is ${own.dataType.join()} there and ${property.dataType.join()} in the files; import under another name with --rename.`,
      );
    }
    return !own;
  });
}

/** The schema under new names, references included, and without what a server does not take. */
function renamed(schema: ClassSchema, rename: Record<string, string>): ClassSchema {
  const name = (old: string): string => rename[old] ?? old;
  const made: ClassSchema = {
    ...schema,
    class: name(schema.class),
    properties: (schema.properties ?? []).map((property) =>
      isReference(property) ? { ...property, dataType: property.dataType.map(name) } : property,
    ),
  };
  // The server makes shards of tenants, and refuses to be told how.
  if (isMultiTenant(schema)) delete made.shardingConfig;
  return made;
}

/** The metadata that Sluice writes at the end of an export. @returns undefined when there is none, or another's */
export async function readMetadata(
  store: Store,
  path: string,
  signal: AbortSignal,
): Promise<ExportMetadata | undefined> {
  if (path.endsWith('.parquet')) return undefined;
  try {
    const { body } = await store.get(`${asFolder(path)}${METADATA_FILE}`, { signal });
    return JSON.parse((await readAll(body)).toString()) as ExportMetadata;
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** What an import needs of it. */
export interface ExportMetadata {
  /** Keys below the export's folder; absent in exports that others wrote. */
  files?: { key: string }[];
  schemas?: ClassSchema[];
  shardStatus?: Record<string, Record<string, { status: string }>>;
  /** URI of the earlier export, of which this one holds the changes. */
  since?: string;
}

async function* parquetKeys(store: Store, path: string, signal: AbortSignal): AsyncGenerator<string> {
  if (path.endsWith('.parquet')) {
    yield path;
    return;
  }
  const root = asFolder(path);
  for await (const page of store.list({ prefix: root, signal })) {
    for (const { key } of page.objects) {
      // Ids that were deleted since an earlier export are no objects.
      if (key.endsWith('.parquet') && !key.slice(root.length).startsWith(DELETED_FOLDER)) yield key;
    }
  }
}

/** First the classes, then all objects, then, when every target is there, the references. */
export function* planImport(pinned: PinnedImport): Generator<Part> {
  const id = (stage: number, file: number, i: number): string =>
    [stage, String(file).padStart(8, '0'), String(i).padStart(5, '0')].join('-');
  yield { id: id(0, 0, 0), stage: 0, label: 'classes', body: { what: 'classes' } };
  for (const what of ['objects', 'references'] as const) {
    const stage = what === 'objects' ? 1 : 2;
    for (const [index, file] of pinned.files.entries()) {
      const references = (targetSchema(pinned, file.class).properties ?? []).some(isReference);
      if (file.rows === 0 || (what === 'references' && !references)) continue;
      const groups = Math.max(1, Math.floor(ROWS_A_PART / (file.rows / file.rowGroups)));
      for (let from = 0; from < file.rowGroups; from += groups) {
        const to = Math.min(from + groups, file.rowGroups);
        const label = `${file.key.split('/').at(-1)} ${from + 1}–${to} of ${file.rowGroups}${what === 'references' ? ', references' : ''}`;
        const rows = Math.round((file.rows * (to - from)) / file.rowGroups);
        yield {
          id: id(stage, index, from),
          stage,
          label,
          body: { what, file: index, from, to },
          counts: what === 'objects' ? { plannedObjects: rows } : {},
        };
      }
    }
  }
}
