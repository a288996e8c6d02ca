import { isError, SluiceError } from '../base/errors.ts';
import type { VectorObject } from './object.ts';
import { type ClassSchema, isReference } from './schema.ts';
import { NIL, splitRange, type UuidRange, widthOf } from './uuid.ts';
import type { Wanted, WeaviateClient } from './weaviate/client.ts';

export interface ReadOptions {
  tenant?: string | undefined;
  range: UuidRange;
  wanted: Wanted;
  /** About how many objects the range holds. */
  expected: number;
  /** Requests under way at once. */
  concurrency?: number;
  signal?: AbortSignal | undefined;
  /** An object that cannot be read in any way; reading goes on behind it. Thrown when left out. */
  onUnreadable?: (id: string, error: SluiceError) => void;
}

/** Bytes of objects that one request should bring. */
const PAGE_BYTES = 2 * 1024 * 1024;
const MAX_PAGE = 2000;
/** Before it is known how large objects are. */
const FIRST_PAGE = 256;
/** Pages that a piece of the range is expected to take. */
const PAGES_A_PIECE = 2;
const MOST_PIECES = 4096;

/**
 * Reads the objects of a UUID range, in UUID order. After a first page, which tells how large objects are,
 * the range is cut into pieces of a few pages that are read side by side and wait for their turn: a slow
 * consumer slows the reading, and memory is bounded by pages.
 */
export async function* readObjects(
  client: WeaviateClient,
  schema: ClassSchema,
  options: ReadOptions,
): AsyncGenerator<VectorObject[], void, undefined> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const own = { ...options, signal };
  const sizes = { rows: FIRST_PAGE };
  const window: AsyncGenerator<VectorObject[]>[] = [];
  try {
    const first = readPiece(client, schema, own, options.expected, sizes);
    let after: string | undefined;
    let read = 0;
    for (let pages = 0; pages < 2; pages++) {
      const { value, done } = await first.next();
      if (done) return;
      yield value;
      after = value.at(-1)!.id;
      read += value.length;
      // The nil UUID comes alone, before the first page.
      if (value.length > 1 || after !== NIL) break;
    }
    const left = Math.max(0, options.expected - read);
    if (left === 0) {
      yield* first;
      return;
    }
    const rest = { ...options.range, after };
    const pieces = splitRange(rest, Math.min(MOST_PIECES, Math.ceil(left / (sizes.rows * PAGES_A_PIECE))));
    const open = (range: UuidRange) => {
      const piece = readPiece(client, schema, { ...own, range }, left / pieces.length, sizes);
      return ahead(piece, PAGES_A_PIECE);
    };
    for (let next = 0; next < pieces.length || window.length > 0; window.shift()) {
      while (window.length < (options.concurrency ?? 4) && next < pieces.length) {
        window.push(open(pieces[next++]!));
      }
      yield* window[0]!;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(window.map((piece) => piece.return(undefined)));
  }
}

/** Starts at once, and is up to `depth` items ahead of its consumer. */
function ahead<T>(
  source: AsyncGenerator<T, void, undefined>,
  depth: number,
): AsyncGenerator<T, void, undefined> {
  const pending: Promise<IteratorResult<T, void>>[] = [];
  const fill = (): void => {
    while (pending.length < depth) {
      // A generator answers calls one after the other, in order.
      const next = source.next();
      next.catch(() => {});
      pending.push(next);
    }
  };
  fill();
  return (async function* () {
    try {
      for (;;) {
        const result = await pending.shift()!;
        if (result.done) return;
        fill();
        yield result.value;
      }
    } finally {
      await source.return();
    }
  })();
}

async function* readPiece(
  client: WeaviateClient,
  schema: ClassSchema,
  options: ReadOptions,
  expected: number,
  sizes: { rows: number },
): AsyncGenerator<VectorObject[], void, undefined> {
  const { range, tenant, wanted, signal } = options;
  const withReferences = wanted.properties.some(isReference);
  const density = expected / Math.max(widthOf(range), Number.MIN_VALUE);
  let after = range.after;
  if (after === undefined) {
    // A page begins after a UUID, so the nil UUID is on none.
    const nil = await client.object(schema.class, NIL, tenant, signal);
    if (nil) yield [nil];
  }
  for (let limit = sizes.rows; ; ) {
    if (range.upTo !== undefined) {
      const left = density * widthOf({ ...(after === undefined ? {} : { after }), upTo: range.upTo });
      limit = Math.min(sizes.rows, Math.ceil(left + 3 * Math.sqrt(left) + 8));
    } else limit = sizes.rows;
    const page = await readPage(client, schema, options, after, limit, sizes);
    if (withReferences && page.length > 0) {
      await addReferences(client, schema, options, after, page);
    }
    const last = page.at(-1);
    const inside = range.upTo === undefined ? page : page.filter((object) => object.id <= range.upTo!);
    if (inside.length > 0) yield inside;
    if (!last || inside.length < page.length) return;
    after = last.id;
  }
}

/** One page; a smaller one when the objects are too large for one reply. */
async function readPage(
  client: WeaviateClient,
  schema: ClassSchema,
  options: ReadOptions,
  after: string | undefined,
  limit: number,
  sizes: { rows: number },
): Promise<VectorObject[]> {
  const { tenant, wanted, signal } = options;
  for (let rows = limit; ; ) {
    try {
      const { objects, bytes } = await client.page(schema, { tenant, after, limit: rows, wanted }, signal);
      if (objects.length > 0) {
        const fitting = Math.floor(PAGE_BYTES / (bytes / objects.length));
        sizes.rows = Math.max(1, Math.min(MAX_PAGE, fitting));
      }
      return objects;
    } catch (error) {
      if (!isError(error, 'TOO_LARGE')) throw error;
      if (rows === 1) return oneByOne(client, schema, options, after, error);
      rows = Math.ceil(rows / 4);
      sizes.rows = rows;
    }
  }
}

/** The next object does not fit into a gRPC reply: it is asked for by REST, which has no such limit. */
async function oneByOne(
  client: WeaviateClient,
  schema: ClassSchema,
  { tenant, signal, onUnreadable }: ReadOptions,
  after: string | undefined,
  tooLarge: SluiceError,
): Promise<VectorObject[]> {
  const only = { properties: [], vectors: false };
  const { objects } = await client.page(schema, { tenant, after, limit: 1, wanted: only }, signal);
  const id = objects[0]?.id;
  if (id === undefined) return [];
  try {
    const found = await client.object(schema.class, id, tenant, signal);
    return found ? [found] : objects;
  } catch (error) {
    if (isError(error, 'CANCELED')) throw error;
    const said = error instanceof Error ? error.message : tooLarge.message;
    const unreadable = new SluiceError(
      'TOO_LARGE',
      `Object ${id} of ${schema.class} cannot be read: ${said}`,
    );
    if (!onUnreadable) throw unreadable;
    onUnreadable(id, unreadable);
    return [{ ...objects[0]!, unreadable: true }];
  }
}

/**
 * Reads the page's references by REST: it gives them as they are stored, while gRPC leaves out those whose
 * target is gone.
 */
async function addReferences(
  client: WeaviateClient,
  schema: ClassSchema,
  { tenant, signal }: ReadOptions,
  after: string | undefined,
  page: VectorObject[],
): Promise<void> {
  const byId = new Map(page.map((object) => [object.id, object]));
  const last = page.at(-1)!.id;
  for (let from = after; ; ) {
    const objects = await client.restPage(schema.class, { tenant, after: from, limit: page.length }, signal);
    for (const { id, references } of objects) {
      const object = byId.get(id);
      if (object && references) object.references = references;
    }
    from = objects.at(-1)?.id;
    if (from === undefined || from >= last) return;
  }
}
