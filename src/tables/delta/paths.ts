import { SluiceError } from '../../base/errors.ts';

/** Whether a path of the log names its own place rather than one below the table's root. */
export function isAbsolute(path: string): boolean {
  return path.startsWith('/') || /^[a-z][a-z0-9+.-]*:/i.test(path);
}

/**
 * A path of the log (a URI, RFC 2396) as the characters of the object's key.
 * @throws SluiceError CORRUPT
 */
export function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw new SluiceError('CORRUPT', `The log names a file by a path that is no URI: ${path}`, {
      retryable: false,
    });
  }
}

const PLAIN = /^[A-Za-z0-9_.~!*'()=/-]*$/;

/** A key as a path of the log: every character that is not plainly allowed in a URI is percent-encoded. */
export function encodePath(key: string): string {
  if (PLAIN.test(key)) return key;
  return key
    .split('/')
    .map((segment) => encodeURIComponent(segment).replaceAll('%3D', '='))
    .join('/');
}

/**
 * An object store's address, whose path is not encoded (`s3://bucket/a b`), as a URI (`s3://bucket/a%20b`).
 * @throws SluiceError UNSUPPORTED for a key that Hadoop's Path would turn into another one
 */
export function encodeAddress(address: string): string {
  const match = /^([a-z][a-z0-9+.-]*:\/\/[^/]*)(\/.*)$/is.exec(address);
  if (!match) throw new SluiceError('BAD_URI', `${address} is not the address of an object.`);
  const path = match[2]!;
  if (/\/(\.{0,2})(\/|$)/.test(path)) {
    throw new SluiceError(
      'UNSUPPORTED',
      `${address} cannot be named in a Delta log: Spark would change the empty or dotted part of its key. Use method "copy" for this table.`,
    );
  }
  return match[1]! + encodePath(path);
}
