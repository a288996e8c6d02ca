import { SluiceError } from '../../base/errors.ts';
import type { DeletionVector } from './actions.ts';
import { decodePath } from './paths.ts';

/** Z85 (ZeroMQ RFC 32): five characters are four bytes, big-endian. */
const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const VALUES = new Map([...Z85].map((character, value) => [character, value]));

/** @throws SluiceError CORRUPT */
export function z85Decode(text: string): Buffer {
  if (text.length % 5 !== 0) throw badZ85(text);
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let i = 0, out = 0; i < text.length; i += 5, out += 4) {
    let value = 0;
    for (let j = i; j < i + 5; j++) {
      const digit = VALUES.get(text[j]!);
      if (digit === undefined) throw badZ85(text);
      value = value * 85 + digit;
    }
    if (value > 0xffffffff) throw badZ85(text);
    bytes.writeUInt32BE(value, out);
  }
  return bytes;
}

/** @param bytes a multiple of 4 */
export function z85Encode(bytes: Buffer): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) {
    let value = bytes.readUInt32BE(i);
    let group = '';
    for (let j = 0; j < 5; j++) {
      group = Z85[value % 85]! + group;
      value = Math.floor(value / 85);
    }
    text += group;
  }
  return text;
}

function badZ85(text: string): SluiceError {
  return new SluiceError('CORRUPT', `The log holds a deletion vector that is not Z85: ${text.slice(0, 40)}`, {
    retryable: false,
  });
}

const UUID_CHARACTERS = 20;

/**
 * The file of a deletion vector (protocol, "Deletion Vector Descriptor Schema"): below the table's root for `u`,
 * absolute for `p`, none for `i`. Decoded, not a URI.
 */
export function deletionVectorFile(vector: DeletionVector): string | undefined {
  if (vector.storageType === 'i') return undefined;
  if (vector.storageType === 'p') return decodePath(vector.pathOrInlineDv);
  if (vector.storageType !== 'u' || vector.pathOrInlineDv.length < UUID_CHARACTERS) {
    throw new SluiceError(
      'CORRUPT',
      `The log holds a deletion vector of unknown storage type "${vector.storageType}".`,
      {
        retryable: false,
      },
    );
  }
  const prefix = vector.pathOrInlineDv.slice(0, -UUID_CHARACTERS);
  const name = `deletion_vector_${uuidOf(z85Decode(vector.pathOrInlineDv.slice(-UUID_CHARACTERS)))}.bin`;
  return prefix === '' ? name : `${prefix}/${name}`;
}

function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The same vector, its file named by a URI of its own. */
export function atAddress(vector: DeletionVector, uri: string): DeletionVector {
  return { ...vector, storageType: 'p', pathOrInlineDv: uri };
}

/** The same vector in a file below the table's root, named by these 16 bytes. */
export function underRoot(vector: DeletionVector, uuid: Buffer): DeletionVector {
  return { ...vector, storageType: 'u', pathOrInlineDv: z85Encode(uuid) };
}
