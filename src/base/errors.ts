/**
 * Every expected failure is a SluiceError: a code for programs and a sentence for people that says what
 * to do. Anything else that escapes is a bug and may show its stack.
 */
export type ErrorCode =
  // Asked wrongly: exit code 2, HTTP 400/422.
  | 'USAGE'
  | 'BAD_CONFIG'
  | 'BAD_SPEC'
  | 'BAD_URI'
  | 'BAD_KEY'
  // The state of the world: exit code 1.
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'CONFLICT'
  | 'PRECONDITION_FAILED'
  | 'RANGE_NOT_SATISFIABLE'
  | 'NOT_MODIFIED'
  | 'UNAUTHENTICATED'
  | 'ACCESS_DENIED'
  | 'UNSUPPORTED'
  | 'TOO_LARGE'
  | 'NO_SPACE'
  // Worth another try.
  | 'THROTTLED'
  | 'UNAVAILABLE'
  | 'TIMEOUT'
  | 'CONNECTION'
  // What came is not what was promised.
  | 'CORRUPT'
  | 'PROTOCOL'
  | 'DIFFERENT'
  | 'LEASED'
  | 'CANCELED'
  | 'INTERNAL';

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'THROTTLED',
  'UNAVAILABLE',
  'TIMEOUT',
  'CONNECTION',
  'CORRUPT',
]);

export interface ErrorDetails {
  /** Overrides what the code says about trying again. */
  retryable?: boolean;
  /** Milliseconds the other side asked to wait (Retry-After). */
  retryAfter?: number;
  /** The other side's HTTP status. */
  status?: number;
  cause?: unknown;
}

export class SluiceError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfter: number | undefined;
  readonly status: number | undefined;

  /** @param message a sentence for people; must hold no secret */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.retryable = details.retryable ?? RETRYABLE.has(code);
    this.retryAfter = details.retryAfter;
    this.status = details.status;
  }
}

/** True for a SluiceError, with any of these codes where some are given. */
export function isError(error: unknown, ...codes: ErrorCode[]): error is SluiceError {
  return error instanceof SluiceError && (codes.length === 0 || codes.includes(error.code));
}

/** Takes anything thrown and gives a SluiceError; what is not one already becomes INTERNAL. */
export function toSluiceError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  if (error instanceof Error) {
    if (error.name === 'AbortError')
      return new SluiceError('CANCELED', 'The work was canceled.', { cause: error });
    return new SluiceError('INTERNAL', error.message, { cause: error });
  }
  return new SluiceError('INTERNAL', String(error));
}
