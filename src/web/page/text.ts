import { formatDuration } from '../../base/format.ts';
import type { Json } from '../../base/json.ts';

/** `just now`, `5m ago`, `3h ago`, `2d ago`. @param time, now milliseconds since 1970 */
export function formatAgo(time: number, now: number): string {
  const seconds = Math.max(0, (now - time) / 1000);
  if (seconds < 10) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h ago`;
  return `${Math.floor(seconds / 86_400)}d ago`;
}

/** `in 5m`, or `now` for what is due. @param time, now milliseconds since 1970 */
export function formatUntil(time: number, now: number): string {
  return time - now < 1000 ? 'now' : `in ${formatDuration(time - now)}`;
}

/** What of how much, from 0 to 1; undefined when it is not known. */
export function shareOf(counts: Record<string, number>, planned: boolean): number | undefined {
  if (!planned) return undefined;
  const { objects = 0, skipped = 0, plannedObjects = 0, bytes = 0, plannedBytes = 0 } = counts;
  const shares: number[] = [];
  if (plannedObjects > 0) shares.push((objects + skipped) / plannedObjects);
  if (plannedBytes > 0) shares.push(bytes / plannedBytes);
  return shares.length > 0 ? Math.min(1, ...shares) : undefined;
}

/** Where data comes from and goes to, as a job's spec names it. */
export function routeOf(spec: Json): { from: string; to: string } {
  const text = (...names: string[]): string => {
    if (spec === null || typeof spec !== 'object' || Array.isArray(spec)) return '';
    const found = names.map((name) => spec[name]).find((value) => typeof value === 'string' && value !== '');
    return typeof found === 'string' ? found : '';
  };
  // An import of vectors has a source and goes to Weaviate; an export of them comes from it.
  const from = text('weaviate') && !text('destination') ? text('source') : text('source', 'weaviate');
  const source =
    from.startsWith('lakefs:') || from.includes('/') || !text('weaviate') ? from : text('weaviate');
  return { from: source, to: text('destination', 'target_base_location') || text('weaviate') };
}

/** `Lake export` of `lake-export`. */
export function kindName(kind: string): string {
  return labelOf(kind.replaceAll('-', ' '));
}

/** `plannedObjects` → `Planned objects`, `target_base_location` → `Target base location`, `FAILED` → `Failed`. */
export function labelOf(name: string): string {
  const words = (/^[A-Z]+$/.test(name) ? name.toLowerCase() : name)
    .replaceAll('_', ' ')
    .replace(/([a-z])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
