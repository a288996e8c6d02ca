/** The objects with `after < id <= upTo`; a bound that is not given is open. */
export interface UuidRange {
  after?: string;
  upTo?: string;
}

export const NIL = '00000000-0000-0000-0000-000000000000';
const SPACE = 1n << 128n;

const toNumber = (uuid: string): bigint => BigInt(`0x${uuid.replaceAll('-', '')}`);

function toUuid(number: bigint): string {
  const hex = number.toString(16).padStart(32, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Cuts a range into `count` ranges of the same width, in order (fewer when it is narrower than that). */
export function splitRange(range: UuidRange, count: number): UuidRange[] {
  const start = range.after === undefined ? 0n : toNumber(range.after);
  const end = range.upTo === undefined ? SPACE : toNumber(range.upTo);
  const pieces = BigInt(Math.max(1, count));
  const ranges: UuidRange[] = [];
  let after = range.after;
  for (let i = 1n; i < pieces; i++) {
    const bound = toUuid(start + ((end - start) * i) / pieces);
    if (after !== undefined && bound <= after) continue;
    ranges.push(after === undefined ? { upTo: bound } : { after, upTo: bound });
    after = bound;
  }
  ranges.push({
    ...(after === undefined ? {} : { after }),
    ...(range.upTo === undefined ? {} : { upTo: range.upTo }),
  });
  return ranges;
}

/** How much of the whole UUID space the range takes, 0 to 1. */
export function widthOf(range: UuidRange): number {
  const start = range.after === undefined ? 0n : toNumber(range.after);
  const end = range.upTo === undefined ? SPACE : toNumber(range.upTo);
  return Number(end - start) / Number(SPACE);
}

/** The range from the first to the last UUID, both included. */
export function rangeOf(first: string, last: string): UuidRange {
  const before = toNumber(first) - 1n;
  return before < 0n ? { upTo: last } : { after: toUuid(before), upTo: last };
}
