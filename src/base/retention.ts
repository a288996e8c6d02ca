/** How many of a row of copies are kept. Without any of these, all are. */
export interface Keep {
  /** The newest so many. */
  last?: number;
  /** The newest of each of the newest so many hours, days, weeks (from Monday) and months that have one. */
  hourly?: number;
  daily?: number;
  weekly?: number;
  monthly?: number;
}

export const KEEP_NAMES = ['last', 'hourly', 'daily', 'weekly', 'monthly'] as const;

/**
 * Which copies are kept, with the reason; the newest one always is.
 * @param at when a copy was made, milliseconds since 1970
 * @param timeZone whose hours, days, weeks and months count; UTC when left out
 */
export function keptBy<T>(
  copies: readonly T[],
  keep: Keep,
  at: (copy: T) => number,
  timeZone = 'UTC',
): Map<T, string> {
  const newest = [...copies].sort((a, b) => at(b) - at(a));
  const kept = new Map<T, string>();
  if (KEEP_NAMES.every((name) => keep[name] === undefined)) {
    for (const copy of newest) kept.set(copy, 'nothing says that any should go');
    return kept;
  }
  if (newest[0] !== undefined) kept.set(newest[0], 'the newest');
  for (const copy of newest.slice(0, keep.last ?? 0)) if (!kept.has(copy)) kept.set(copy, 'one of the last');
  const periods = periodsIn(timeZone);
  for (const name of ['hourly', 'daily', 'weekly', 'monthly'] as const) {
    const seen = new Set<string>();
    for (const copy of newest) {
      const period = periods[name](at(copy));
      if (seen.has(period)) continue;
      if (seen.size >= (keep[name] ?? 0)) break;
      seen.add(period);
      if (!kept.has(copy)) kept.set(copy, name);
    }
  }
  return kept;
}

function periodsIn(
  timeZone: string,
): Record<'hourly' | 'daily' | 'weekly' | 'monthly', (at: number) => string> {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
  });
  const local = (at: number): { day: string; hour: string } => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    return { day: `${parts.year}-${parts.month}-${parts.day}`, hour: parts.hour! };
  };
  return {
    hourly: (at) => {
      const { day, hour } = local(at);
      return `${day} ${hour}`;
    },
    daily: (at) => local(at).day,
    weekly: (at) => {
      const day = new Date(`${local(at).day}T00:00:00Z`);
      // Monday is the first day of a week (ISO 8601).
      day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
      return day.toISOString().slice(0, 10);
    },
    monthly: (at) => local(at).day.slice(0, 7),
  };
}
