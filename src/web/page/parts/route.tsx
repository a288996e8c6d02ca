import type { Json } from '../../../base/json.ts';
import { routeOf } from '../text.ts';

/** From where to where. */
export function Route({ spec }: { spec: Json }) {
  const { from, to } = routeOf(spec);
  if (!from && !to) return null;
  return (
    <div class="route">
      <span title={from}>{from}</span>
      <span class="to" title={to}>
        <span role="img" aria-label="to">
          →
        </span>{' '}
        {to}
      </span>
    </div>
  );
}
