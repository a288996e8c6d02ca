import { SluiceError } from '../../../base/errors.ts';
import type { Json } from '../../../base/json.ts';

/** Temporal takes 2 MB in one piece; spec, pin and report of a job lie in one. */
const MOST_BYTES = 600_000;

/** @throws SluiceError TOO_LARGE */
export function checkSize(value: Json | undefined, what: string): void {
  const size = Buffer.byteLength(JSON.stringify(value ?? null));
  if (size <= MOST_BYTES) return;
  throw new SluiceError(
    'TOO_LARGE',
    `${what} takes ${size} bytes, and Temporal takes ${MOST_BYTES} of it at most. Split the job, or run it on the local engine (engine: local).`,
  );
}
