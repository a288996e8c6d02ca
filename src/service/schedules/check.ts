import { SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { checkValue } from '../../config/check.ts';
import { type ScheduleSettings, scheduleShape } from '../../config/settings.ts';
import type { Kinds } from '../../jobs/registry.ts';
import { placeOf } from '../retention/place.ts';
import { clockOf } from './clock.ts';
import { specOfRun } from './spec.ts';

/** Checks what a schedule starts. @throws SluiceError NOT_FOUND (kind), BAD_SPEC */
export async function checkScheduledJob(entry: ScheduleSettings, kinds: Kinds): Promise<void> {
  const kind = await kinds.get(entry.job.kind);
  kind.parse(specOfRun(entry, new Date()));
  if (entry.keep !== undefined) placeOf(entry);
}

/**
 * A schedule as someone sends it, checked as those of sluice.yaml are.
 * @throws SluiceError BAD_SPEC with every mistake, BAD_CONFIG, NOT_FOUND (kind)
 */
export async function parseSchedule(input: Json, kinds: Kinds): Promise<ScheduleSettings> {
  const { value, problems } = checkValue(input, scheduleShape, 'schedule');
  if (problems.length > 0) throw new SluiceError('BAD_SPEC', problems.join(' '));
  const entry = value as ScheduleSettings;
  if (!/^\S(.{0,98}\S)?$/.test(entry.name)) {
    throw new SluiceError('BAD_SPEC', 'schedule.name must be a text of 1 to 100 characters in one line.');
  }
  await clockOf(entry);
  await checkScheduledJob(entry, kinds);
  return entry;
}
