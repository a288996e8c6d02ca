import { S3Error } from './errors.ts';

const PLAIN = /^[A-Za-z0-9\-._~]*$/;
const PLAIN_PATH = /^[A-Za-z0-9\-._~/]*$/;

/** Percent-encodes as SigV4 wants it: everything but A–Z a–z 0–9 - . _ ~ */
export function uriEncode(text: string): string {
  return PLAIN.test(text) ? text : encodeRest(text);
}

/** As uriEncode, with '/' as it is: SigV4's canonical URI, and keys in listings with encoding-type=url. */
export function uriEncodePath(text: string): string {
  return PLAIN_PATH.test(text) ? text : text.split('/').map(uriEncode).join('/');
}

function encodeRest(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** @throws S3Error InvalidURI for a broken escape or bytes that are not UTF-8 */
export function uriDecode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.");
  }
}
