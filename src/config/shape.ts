/**
 * What a place in sluice.yaml may hold. The names are those people read in errors. `secret` values are
 * masked wherever settings are printed.
 */
export type Shape =
  | {
      type: 'text';
      secret?: boolean;
      oneOf?: readonly string[];
      check?: (text: string) => string | undefined;
    }
  | { type: 'count'; least?: number }
  | { type: 'flag' }
  /** Bytes; written as 1048576 or 1MiB. */
  | { type: 'size' }
  | { type: 'list'; of: Shape }
  /** Names of the user's own. */
  | { type: 'map'; of: Shape }
  | { type: 'object'; fields: Readonly<Record<string, Shape>>; required?: readonly string[]; open?: boolean }
  /** Anything; the one that uses it checks it. */
  | { type: 'any' };

export const text: Shape = { type: 'text' };
export const secret: Shape = { type: 'text', secret: true };
export const flag: Shape = { type: 'flag' };
export const count: Shape = { type: 'count', least: 1 };
export const size: Shape = { type: 'size' };
export const any: Shape = { type: 'any' };

export function oneOf(...values: string[]): Shape {
  return { type: 'text', oneOf: values };
}

export function list(of: Shape): Shape {
  return { type: 'list', of };
}

export function map(of: Shape): Shape {
  return { type: 'map', of };
}

export function object(fields: Readonly<Record<string, Shape>>, ...required: string[]): Shape {
  return { type: 'object', fields, required };
}

/** Knows some fields, and takes others too. */
export function openObject(fields: Readonly<Record<string, Shape>>, ...required: string[]): Shape {
  return { type: 'object', fields, required, open: true };
}

/** Names of settings, wherever they stand, whose values are secrets. */
const SECRET_NAME =
  /secret|password|passphrase|token$|api_?key|account_?key|access_?key$|shared_?key|private_?key|^key$|sas(_token)?$|connection_string|credentials?(_json)?$|^headers$|webhook_url$/i;

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** The nearest known name, when it is near enough to be what was meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Levenshtein's: insertions, deletions and replacements. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
