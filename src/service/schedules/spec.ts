import type { Json } from '../../base/json.ts';
import type { ScheduleSettings } from '../../config/settings.ts';

/**
 * The spec of one run: `{date}` and `{time}` (UTC) in its texts are replaced; an export of vectors that names no id gets
 * one of its own; a lake export of a branch that is followed begins where the last one ended.
 */
export function specOfRun({ name, on, job }: ScheduleSettings, now: Date): Json {
  const iso = now.toISOString();
  const date = iso.slice(0, 10);
  const time = iso.slice(11, 19).replaceAll(':', '');
  const filled = fill(job.spec, { date, time });
  if (filled === null || typeof filled !== 'object' || Array.isArray(filled)) return filled;
  if (job.kind === 'vector-export' && filled.id === undefined) {
    return { ...filled, id: fill(idOfRun(name), { date, time }) };
  }
  if (on && job.kind === 'lake-export') {
    return { source: `lakefs://${on.repository}/${on.branch}`, since: 'last', ...filled };
  }
  if (on && job.kind === 'table-export')
    return { source: `lakefs://${on.repository}/${on.branch}`, ...filled };
  return filled;
}

/** The id that an export of vectors gets which names none. */
export function idOfRun(schedule: string): string {
  const safe = schedule
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .slice(0, 80);
  return `${safe}-{date}-{time}`;
}

function fill(value: Json, names: Record<string, string>): Json {
  if (typeof value === 'string') return value.replace(/\{(date|time)\}/g, (_, name: string) => names[name]!);
  if (Array.isArray(value)) return value.map((each) => fill(each, names));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each ?? null, names)]));
}
