/**
 * Azure wants names of metadata to be C# identifiers. Others are written with every character that is no
 * letter and no digit as `_<hex of its code point>_` (`with-dash` is `with_2d_dash`), and read back.
 */
const PLAIN = /^[a-z_][a-z0-9_]*$/;
const ESCAPE = /_([0-9a-f]{2,6})_/;

export function metadataToAzure(metadata: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [escapeName(name.toLowerCase()), value]),
  );
}

export function metadataFromAzure(metadata: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [unescapeName(name.toLowerCase()), value]),
  );
}

function escapeName(name: string): string {
  if (PLAIN.test(name) && !ESCAPE.test(name)) return name;
  return name.replace(
    /[^a-z0-9]|^[0-9]/gu,
    (char) => `_${char.codePointAt(0)!.toString(16).padStart(2, '0')}_`,
  );
}

function unescapeName(name: string): string {
  return name.replace(/_([0-9a-f]{2,6})_/g, (all, hex) => {
    const code = Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}
