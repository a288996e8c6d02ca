import { SluiceError } from '../../base/errors.ts';

/** What the readers of committed metadata throw for bytes that are not what the format says. */
export function garbled(what: string): SluiceError {
  return new SluiceError('CORRUPT', `A metadata file of the lake cannot be read: ${what}.`);
}
