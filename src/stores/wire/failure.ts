import type { ErrorCode } from '../../base/errors.ts';
import { WrongSize } from './outgoing-body.ts';
import { PoolClosed } from './pool.ts';

/** Why an exchange ended on our own side of the link, as a code and the middle of a sentence; undefined for anything else. */
export function ownFailure(error: unknown): { code: ErrorCode; why: string } | undefined {
  if (error instanceof WrongSize)
    return { code: 'CORRUPT', why: 'the body has more or fewer bytes than its size' };
  if (error instanceof PoolClosed) return { code: 'CANCELED', why: 'its connections were closed meanwhile' };
  return undefined;
}
