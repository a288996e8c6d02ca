/**
 * The order in which objects reach the destination, so that a reader never sees a table's new metadata, or a
 * marker that says "complete", before the data they speak of.
 */
export const STAGES = ['data', 'metadata', 'markers', 'deletes'] as const;
export type Stage = (typeof STAGES)[number];

/**
 * The stage in which this path is written: markers (`_SUCCESS`) last, then what commits a table (Delta's
 * `_delta_log/`, Iceberg's files in `metadata/`, Hudi's `.hoodie/`), all else first.
 */
export function stageOf(path: string): Exclude<Stage, 'deletes'> {
  // Runs for every object of a lake, so plain searches come before any pattern.
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  if (name === '_SUCCESS' || name.startsWith('_committed_')) return 'markers';
  if (slash < 0) return 'data';
  if (inFolder(path, '_delta_log/') || inFolder(path, '.hoodie/')) return 'metadata';
  if (inFolder(path.slice(0, slash + 1), 'metadata/') && ICEBERG_METADATA.test(name)) return 'metadata';
  return 'data';
}

const ICEBERG_METADATA = /(?:\.metadata\.json(?:\.gz)?|\.avro|\.puffin|\.stats)$|^version-hint\.text$/;

function inFolder(path: string, folder: string): boolean {
  return path.startsWith(folder) || path.includes(`/${folder}`);
}
