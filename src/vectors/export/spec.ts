import type { Json } from '../../base/json.ts';
import type { Compression } from '../../base/parquet/compress.ts';
import { settledUri } from '../../stores/folder.ts';
import type { LayoutName } from '../layouts/layout.ts';
import { SpecReader } from '../spec-reader.ts';

/** What a vector export is asked to do. Holds no secret: `weaviate` is a URL or a connection's name. */
export interface VectorExportSpec {
  [key: string]: Json | undefined;
  weaviate: string;
  /** host:port of its gRPC API, where that cannot be told from the URL. */
  grpc?: string;
  /** URI of the folder in which the export's own folder, named by its id, is made. */
  destination: string;
  /** Connection of the destination; by the configuration's `use` when left out. */
  connection?: string;
  /** `[a-z0-9_-]`, at most 128. */
  id: string;
  /** Globs of class names. */
  include: string[];
  exclude: string[];
  /** Globs of tenant names; all when left out. */
  tenants?: string[];
  /** Globs of property names; all when left out. */
  properties?: string[];
  vectors: boolean;
  layout: LayoutName;
  compression: Compression;
  level?: number;
  rowGroupRows: number;
  /** Most rows of a file; a class with more gets numbered files. */
  fileRows: number;
  /** Bytes a file should about have at most. */
  fileSize?: number;
  partitionBy?: 'tenant';
  activateTenants: boolean;
  verify: 'none' | 'sample' | 'full';
  /** URI of an earlier export's folder: only what changed since is written. */
  since?: string;
  /** Who reads the objects: Sluice by the public API, or the server by its own export. */
  source: 'api' | 'native';
  /** Of `source: native`: the backend that the server writes to, and the URI of the folder that this is. */
  native?: { backend: 's3' | 'gcs' | 'azure' | 'filesystem'; output: string };
}

const KNOWN = new Set([
  'weaviate',
  'grpc',
  'destination',
  'connection',
  'id',
  'include',
  'exclude',
  'tenants',
  'properties',
  'vectors',
  'layout',
  'compression',
  'level',
  'rowGroupRows',
  'fileRows',
  'fileSize',
  'partitionBy',
  'activateTenants',
  'verify',
  'since',
  'source',
  'native',
]);

/** @throws SluiceError BAD_SPEC */
export function parseVectorExportSpec(spec: Json): VectorExportSpec {
  const from = new SpecReader('export', spec, KNOWN);
  const id = from.id();
  const include = from.texts('include') ?? [];
  const exclude = from.texts('exclude') ?? [];
  if (include.length > 0 && exclude.length > 0) {
    throw from.bad('include and exclude cannot be used together.');
  }
  const layout = from.choice('layout', ['typed', 'weaviate']) ?? 'typed';
  const source = from.choice('source', ['api', 'native']) ?? 'api';
  const since = from.optionalText('since') === undefined ? undefined : from.uri('since');
  const fileSize = from.count('fileSize');
  for (const [name, value] of Object.entries({ since, fileSize })) {
    if (source === 'native' && value !== undefined) {
      throw from.bad(
        `the server's own export writes whole classes, in files of its own: leave out "${name}".`,
      );
    }
  }
  return from.compact<VectorExportSpec>({
    native: source === 'native' ? nativeOf(from) : undefined,
    weaviate: from.text('weaviate'),
    grpc: from.optionalText('grpc'),
    destination: from.uri('destination'),
    connection: from.optionalText('connection'),
    id,
    include,
    exclude,
    tenants: from.texts('tenants'),
    properties: from.texts('properties'),
    vectors: from.flag('vectors') ?? true,
    layout,
    compression: from.choice('compression', ['zstd', 'snappy', 'gzip', 'none']) ?? 'zstd',
    level: from.number('level'),
    rowGroupRows: from.count('rowGroupRows') ?? 10_000,
    fileRows: from.count('fileRows') ?? 500_000,
    fileSize,
    // A file in Weaviate's own layout has no column for the tenant.
    partitionBy: layout === 'weaviate' ? 'tenant' : from.choice('partitionBy', ['tenant']),
    activateTenants: from.flag('activateTenants') ?? false,
    verify: from.choice('verify', ['none', 'sample', 'full']) ?? 'sample',
    since,
    source,
  });
}

function nativeOf(from: SpecReader): NonNullable<VectorExportSpec['native']> {
  const { backend, output } = from.map('native') ?? {};
  const backends = ['s3', 'gcs', 'azure', 'filesystem'] as const;
  const known = backends.find((each) => each === backend);
  if (!known || !output) {
    throw from.bad(
      `the server's own export needs "native": {backend, output}: one of ${backends.join(', ')}, and the address of the folder the server writes to.`,
    );
  }
  return { backend: known, output: settledUri(output) };
}
