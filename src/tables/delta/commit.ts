import type { Store } from '../../stores/store.ts';
import { type Action, parseAction } from './actions.ts';
import { linesOf } from './lines.ts';

/**
 * Actions of one commit's file in their order, some at a time. Whoever stops early ends the reading.
 * @throws SluiceError CORRUPT for a line that is no action
 */
export async function* commitActions(
  store: Store,
  key: string,
  signal?: AbortSignal,
): AsyncGenerator<Action[]> {
  const { body } = await store.get(key, { signal });
  try {
    for await (const lines of linesOf(body)) yield lines.map((line) => parseAction(line, key));
  } finally {
    body.destroy();
  }
}
