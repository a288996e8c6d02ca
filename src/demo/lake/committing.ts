import { Committed } from '../../lake/metadata/committed.ts';
import { TableCache } from '../../lake/metadata/table-cache.ts';
import { entryData, identityOf, rangeData, recordValue } from './encoding.ts';
import type { Storage } from './storage.ts';
import { TableWriter, type WrittenTable } from './table-writer.ts';
import { ArrayTree, type TreeEntry } from './tree.ts';

/**
 * Writes entries as a metarange and its ranges. A range ends at a key whose hash says so, so that ranges of
 * what did not change come out the same, and are shared, from commit to commit.
 * @param rangeEntries entries of a range, on average
 */
export async function writeTree(
  storage: Storage,
  entries: readonly TreeEntry[],
  rangeEntries: number,
): Promise<ArrayTree> {
  const metaRange = new TableWriter('metaranges');
  let writer = new TableWriter('ranges');
  let count = 0;
  const endRange = async (): Promise<void> => {
    if (count === 0) return;
    const range = writer.finish();
    await storage.writeMetadata(range.id, range.bytes);
    addRange(metaRange, range);
    writer = new TableWriter('ranges');
    count = 0;
  };
  for (const entry of entries) {
    const key = Buffer.from(entry.path);
    writer.add(key, recordValue(identityOf(entry), entryData(entry)));
    count++;
    if (endsRange(key, rangeEntries)) await endRange();
  }
  await endRange();
  const { id, bytes } = metaRange.finish();
  await storage.writeMetadata(id, bytes);
  return new ArrayTree(id, entries);
}

/** Adds a range to the metarange that lists it. */
export function addRange(
  metaRange: TableWriter,
  range: Omit<WrittenTable, 'bytes'> & { size?: number },
): void {
  const data = rangeData(range.minKey, range.maxKey, range.size ?? range.count * 100, range.count);
  metaRange.add(range.maxKey, recordValue(Buffer.from(range.id), data));
}

/** Reads a tree back that a lakeFS, or this lake, committed. */
export async function readTree(storage: Storage, metaRangeId: string): Promise<ArrayTree> {
  const tables = new TableCache({ read: (_type, id) => storage.metadata(id) }, 0);
  const committed = await Committed.open(tables, metaRangeId, '');
  const entries: TreeEntry[] = [];
  for await (const batch of committed.scan()) {
    for (const entry of batch) {
      const full = !entry.physicalAddress.startsWith('/');
      entries.push({
        path: entry.path,
        address: full ? entry.physicalAddress : entry.physicalAddress.slice(1),
        full,
        checksum: entry.checksum,
        size: entry.size,
        mtime: entry.mtime / 1000,
        contentType: entry.contentType ?? '',
        metadata: entry.metadata,
      });
    }
  }
  return new ArrayTree(metaRangeId, entries);
}

/** FNV-1a over the key's bytes; one of `every` keys ends its range. */
function endsRange(key: Buffer, every: number): boolean {
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % every === 0;
}
