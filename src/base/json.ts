/** A value that survives JSON: what specs, parts and reports are made of. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };

/** JSON text that is the same for equal values: names in order, undefined ones left out. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(value, (_, inner: Json) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
