import type { Json } from '../../base/json.ts';
import { SpecReader } from '../spec-reader.ts';

/** What a vector import is asked to do. Holds no secret: `weaviate` is a URL or a connection's name. */
export interface VectorImportSpec {
  [key: string]: Json | undefined;
  /** URI of an export's folder, any folder of such files, or one file. */
  source: string;
  /** Connection of the source; by the configuration's `use` when left out. */
  connection?: string;
  weaviate: string;
  /** host:port of its gRPC API, where that cannot be told from the URL. */
  grpc?: string;
  id: string;
  /** URI of the folder in which the import's own folder is made: its report and what was rejected. */
  reports: string;
  /** Globs of class names, as they are in the files. */
  include: string[];
  exclude: string[];
  /** Class in the files → class in the Weaviate. */
  rename: Record<string, string>;
  /** For an object whose UUID is there already. */
  onConflict: 'skip' | 'overwrite' | 'fail';
  verify: 'none' | 'sample';
}

const KNOWN = new Set([
  'source',
  'connection',
  'weaviate',
  'grpc',
  'id',
  'reports',
  'include',
  'exclude',
  'rename',
  'onConflict',
  'verify',
]);

/** @throws SluiceError BAD_SPEC */
export function parseVectorImportSpec(spec: Json): VectorImportSpec {
  const from = new SpecReader('import', spec, KNOWN);
  const rename = from.map('rename') ?? {};
  for (const [old, name] of Object.entries(rename)) {
    if (!/^[A-Z][_0-9A-Za-z]*$/.test(name)) {
      throw from.bad(`"${old}" cannot become "${name}": a class begins with a capital letter.`);
    }
  }
  return from.compact<VectorImportSpec>({
    source: from.uri('source'),
    connection: from.optionalText('connection'),
    weaviate: from.text('weaviate'),
    grpc: from.optionalText('grpc'),
    id: from.id(),
    reports: from.uri('reports'),
    include: from.texts('include') ?? [],
    exclude: from.texts('exclude') ?? [],
    rename,
    onConflict: from.choice('onConflict', ['skip', 'overwrite', 'fail']) ?? 'skip',
    verify: from.choice('verify', ['none', 'sample']) ?? 'sample',
  });
}
