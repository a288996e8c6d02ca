import { toSluiceError } from '../base/errors.ts';
import type { Problem } from '../config/check.ts';
import type { Loaded } from '../config/load.ts';
import type { Kinds } from '../jobs/registry.ts';
import { checkScheduledJob } from './schedules/check.ts';
import { clockOf } from './schedules/clock.ts';
import { serviceOptions } from './settings.ts';

/** The mistakes in `service` and `schedules` that only the service knows, with the lines they stand on. */
export async function checkService({ settings, places, file }: Loaded, kinds: Kinds): Promise<Problem[]> {
  const problems: Problem[] = [];
  const check = async (paths: string[], work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      const { line, column } = paths.map((path) => places.get(path)).find(Boolean) ?? { line: 1, column: 1 };
      problems.push({ file: file ?? '', line, column, message: toSluiceError(error).message });
    }
  };
  await check(['service.listen', 'service.auth'], () => serviceOptions(settings.service));
  const names = new Set<string>();
  for (const [i, entry] of settings.schedules.entries()) {
    // What lacks its name or job is told already.
    if (typeof entry?.name !== 'string') continue;
    const at = `schedules[${i}]`;
    // A job that cannot be read is told already.
    if (typeof entry.job?.kind === 'string') {
      await check([`${at}.job.kind`], () => checkScheduledJob(entry, kinds));
    }
    await check([`${at}.timezone`, `${at}.cron`, `${at}.name`], () => clockOf(entry));
    await check([`${at}.name`], () => {
      if (names.has(entry.name)) throw new Error(`There are two schedules "${entry.name}".`);
      names.add(entry.name);
    });
  }
  return problems;
}
