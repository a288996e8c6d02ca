import type { Loaded } from './load.ts';

/** Settings that somebody gave and that do not hold with others that hold: sentences that say what does instead. */
export function unheeded({ settings, origins }: Pick<Loaded, 'settings' | 'origins'>): string[] {
  if (settings.engine !== 'temporal') return [];
  const given = (path: string): string | undefined =>
    [...origins.keys()].find((each) => each === path || each.startsWith(`${path}.`));
  const said: string[] = [];
  const jobs = given('jobs_at_once');
  if (jobs !== undefined) {
    said.push(
      `jobs_at_once (${origins.get(jobs)}) does not hold with engine: temporal, where all jobs share the workers: parts_at_once of each worker, and how many workers there are, limit what runs at once.`,
    );
  }
  const history = given('history');
  if (history !== undefined) {
    said.push(
      `history (${origins.get(history)}) does not hold with engine: temporal, where the namespace's retention period decides how long jobs that have ended are remembered.`,
    );
  }
  return said;
}
