/**
 * Object keys are ordered by the bytes of their UTF-8 form, as S3, GCS and lakeFS list them. JavaScript
 * compares UTF-16 units, which differs for characters beyond U+FFFF against U+E000–U+FFFF only.
 */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      const surrogateX = x >= 0xd800 && x <= 0xdfff;
      const surrogateY = y >= 0xd800 && y <= 0xdfff;
      if (surrogateX !== surrogateY) return surrogateX ? 1 : -1;
      return x < y ? -1 : 1;
    }
  }
  return a.length < b.length ? -1 : 1;
}

/** A prefix as the path of a folder: '' stays '', anything else ends with one '/'. */
export function asFolder(path: string): string {
  return path === '' || path.endsWith('/') ? path : `${path}/`;
}

/**
 * A key right before this one in key order: what could lie between the two ends with U+10FFFF. For listings
 * that go on after a key and are to show this one.
 */
export function keyBefore(key: string): string {
  const chars = [...key];
  const last = chars.pop()?.codePointAt(0);
  if (last === undefined || last === 0) return chars.join('');
  // Between the two halves of the plane lie the surrogates, which are no characters.
  const before = last === 0xe000 ? 0xd7ff : last - 1;
  return `${chars.join('')}${String.fromCodePoint(before)}\u{10ffff}`;
}
