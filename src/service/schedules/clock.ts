import type { Cron } from 'croner';
import { SluiceError, toSluiceError } from '../../base/errors.ts';
import type { ScheduleSettings } from '../../config/settings.ts';

/**
 * The times of a schedule; undefined for one that follows a branch.
 * @throws SluiceError BAD_CONFIG for a pattern or time zone that can't be used
 */
export async function clockOf({ name, cron, timezone, on }: ScheduleSettings): Promise<Cron | undefined> {
  if ((cron === undefined) === (on === undefined)) throw bad(name, 'needs either cron or on');
  if (cron === undefined) return undefined;
  const { Cron } = await import('croner');
  try {
    const clock = new Cron(cron, { paused: true, ...(timezone ? { timezone } : {}) });
    // A time zone is looked at when the first time is asked for.
    clock.nextRun();
    return clock;
  } catch (error) {
    throw bad(name, `cannot be used: ${toSluiceError(error).message.replace(/\.$/, '')}`);
  }
}

const bad = (name: string, why: string): SluiceError =>
  new SluiceError('BAD_CONFIG', `The schedule "${name}" ${why}.`);
