/** How long something is waited for: a slow, loaded machine may take its time, and a test that hangs has to end. */
const PATIENCE_MS = 120_000;

/** Asks again and again until the answer is good. @param every milliseconds between two questions */
export async function until<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  every = 20,
): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) throw new Error(`what was waited for did not come: ${ask}`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
