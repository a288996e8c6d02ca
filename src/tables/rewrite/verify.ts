import { SluiceError } from '../../base/errors.ts';
import { type Totals, TotalsSum } from '../delta/file-set.ts';
import { commitKey } from '../delta/segment.ts';
import { type DeltaSnapshot, replayCommits } from '../delta/snapshot.ts';
import type { TableTarget } from '../method.ts';

/**
 * Compares a table as it was read back from the target with what was to be written: number of files, bytes, the
 * list of paths and deletion vectors, and rows where both are known.
 * @throws SluiceError DIFFERENT
 */
export function checkTotals(target: TableTarget, expected: Totals, read: Totals): Totals {
  const same =
    expected.files === read.files &&
    expected.bytes === read.bytes &&
    expected.digest === read.digest &&
    (expected.records === undefined || read.records === undefined || expected.records === read.records);
  if (same) return read;
  throw new SluiceError(
    'DIFFERENT',
    `${target.uri} does not read back as the source: ${describe(read)} there, ${describe(expected)} expected.`,
    { retryable: false },
  );
}

const describe = ({ files, bytes, records }: Totals): string =>
  `${files} files, ${bytes} bytes, ${records ?? 'an unknown number of'} rows`;

/** What a snapshot of the target comes to. */
export function verifySnapshot(target: TableTarget, expected: Totals, snapshot: DeltaSnapshot): Totals {
  return checkTotals(target, expected, snapshot.files.totals());
}

/** What the target comes to with one version, by reading that version alone. */
export async function verifyVersion(
  target: TableTarget,
  version: number,
  before: Totals,
  expected: Totals,
  signal: AbortSignal,
): Promise<Totals> {
  const file = { key: commitKey(target.root, version), size: 0, from: version, to: version };
  const replay = await replayCommits(target.store, [file], signal);
  try {
    const sum = new TotalsSum(before);
    for (const remove of replay.files.removes()) sum.remove(remove, replay.files.recordsOf(remove));
    for (const add of replay.files.adds()) sum.add(add);
    return checkTotals(target, expected, sum.totals());
  } finally {
    replay.files.close();
  }
}
