import { randomBytes } from 'node:crypto';
import { SluiceError } from '../base/errors.ts';

const JOB_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** @throws SluiceError BAD_SPEC */
export function checkJobId(id: string | undefined): void {
  if (id === undefined || JOB_ID.test(id)) return;
  throw new SluiceError(
    'BAD_SPEC',
    `"${id}" can't be a job's id: use up to 128 letters, digits, dots, dashes and underscores, starting with a letter or digit.`,
  );
}

/** Sorts by time, is short enough to type, and is not met twice. */
export function newJobId(): string {
  const time = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${randomBytes(3).toString('hex')}`;
}
