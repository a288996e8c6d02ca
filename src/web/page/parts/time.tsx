import { formatTime } from '../../../base/format.ts';
import { formatAgo } from '../text.ts';

/** How long ago, with the time itself for who points at it. @param at, now milliseconds since 1970 */
export function Ago({ at, now }: { at: number; now: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={formatTime(at)}>
      {formatAgo(at, now)}
    </time>
  );
}
