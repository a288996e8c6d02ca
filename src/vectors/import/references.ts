import { isError } from '../../base/errors.ts';
import { Limiter } from '../../base/limiter.ts';
import type { PartContext } from '../../jobs/kind.ts';
import type { PartResult } from '../../jobs/part.ts';
import { type FileRow, VectorFile } from '../layouts/file.ts';
import type { Reference } from '../object.ts';
import { toBeacon } from '../object.ts';
import { type ImportPlace, type PinnedImport, targetSchema } from './pinned.ts';
import { Rejects } from './rejects.ts';

const AT_ONCE = 16;

/** Sets the references of the rows of row groups `from` to `to`, property by property, so that doing it twice is the same. */
export async function importReferences(
  { file: index, from, to }: { file: number; from: number; to: number },
  partId: string,
  pinned: PinnedImport,
  place: ImportPlace,
  context: PartContext,
): Promise<PartResult> {
  const file = pinned.files[index]!;
  const className = targetSchema(pinned, file.class).class;
  const rejects = new Rejects(place, partId, className);
  const source = await VectorFile.open(place.source, file.key, context.signal);
  const limiter = new Limiter(AT_ONCE);
  const counts = { references: 0, failed: 0 };
  const { rename } = pinned.spec;

  const set = async (row: FileRow, property: string, references: Reference[]): Promise<void> => {
    const beacons = references.map(({ id, className: target }) => ({
      beacon: toBeacon(target === undefined ? { id } : { id, className: rename[target] ?? target }),
    }));
    const { id } = row.object;
    try {
      await place.client.setReferences(className, id, property, beacons, row.tenant, context.signal);
      counts.references += beacons.length;
    } catch (error) {
      if (!isError(error, 'BAD_SPEC', 'NOT_FOUND')) throw error;
      // One target that is gone must not take the others with it.
      const taken: { beacon: string }[] = [];
      for (const beacon of beacons) {
        const trial = [...taken, beacon];
        const failed = await place.client
          .setReferences(className, id, property, trial, row.tenant, context.signal)
          .then(
            () => undefined,
            (reason: unknown) => {
              if (isError(reason, 'BAD_SPEC', 'NOT_FOUND')) return reason;
              throw reason;
            },
          );
        if (failed === undefined) taken.push(beacon);
        else {
          counts.failed++;
          rejects.add(row, `${property} → ${beacon.beacon}: ${failed.message}`);
        }
      }
      counts.references += taken.length;
    }
  };

  for (let group = from; group < to; group++) {
    // One object's properties go one after the other: the server loses one of two changes at once.
    const setOf = async (row: FileRow): Promise<void> => {
      for (const [property, references] of Object.entries(row.object.references ?? {})) {
        if (references.length > 0) await set(row, property, references);
      }
    };
    const setting = (await source.group(group))
      .filter((row) => row.object.references)
      .map((row) => limiter.run(() => setOf(row)));
    await Promise.all(setting);
  }
  await rejects.write(context.signal);
  return { counts, failures: rejects.failures };
}
