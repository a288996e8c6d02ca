/**
 * Fetches the next page while the current one is used, once a second page was asked for: who wants one page
 * only costs the store one page only.
 */
export async function* readAhead<T>(pages: AsyncGenerator<T>): AsyncGenerator<T> {
  let next: Promise<IteratorResult<T>> | undefined;
  let count = 0;
  try {
    for (;;) {
      const result: IteratorResult<T> = await (next ?? pages.next());
      next = undefined;
      if (result.done) return;
      if (++count > 1) {
        next = pages.next();
        // It is awaited above; when the reader stops early, nobody is left to be told.
        next.catch(() => {});
      }
      yield result.value;
    }
  } finally {
    const closed = pages.return(undefined);
    if (next) closed.catch(() => {});
    else await closed;
  }
}
