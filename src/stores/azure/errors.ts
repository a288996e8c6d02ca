import { type ErrorCode, isError } from '../../base/errors.ts';
import { canceled } from '../checks.ts';
import { StoreError } from '../errors.ts';
import { networkFailure, parseRetryAfter } from '../retry.ts';

/** What was asked, for errors. */
export interface Asked {
  store: string;
  /** Such as "read", "list". */
  action: string;
  key?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Azure's error codes ("Blob Storage error codes") that say more than their status. */
const CODES: Record<string, ErrorCode> = {
  ConditionNotMet: 'PRECONDITION_FAILED',
  SourceConditionNotMet: 'PRECONDITION_FAILED',
  TargetConditionNotMet: 'PRECONDITION_FAILED',
  BlobAlreadyExists: 'PRECONDITION_FAILED',
  CannotVerifyCopySource: 'NOT_FOUND',
  Md5Mismatch: 'CORRUPT',
  InvalidMd5: 'CORRUPT',
  InvalidBlockList: 'BAD_SPEC',
  InvalidResourceName: 'BAD_KEY',
  InvalidBlobOrBlock: 'BAD_SPEC',
  OperationTimedOut: 'TIMEOUT',
  ServerBusy: 'THROTTLED',
  AuthenticationFailed: 'UNAUTHENTICATED',
  NoAuthenticationInformation: 'UNAUTHENTICATED',
  BlobArchived: 'ACCESS_DENIED',
  RequestBodyTooLarge: 'TOO_LARGE',
};
const STATUSES: Record<number, ErrorCode> = {
  401: 'UNAUTHENTICATED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  408: 'TIMEOUT',
  409: 'CONFLICT',
  412: 'PRECONDITION_FAILED',
  413: 'TOO_LARGE',
  416: 'RANGE_NOT_SATISFIABLE',
  429: 'THROTTLED',
  501: 'UNSUPPORTED',
};
/** RestError.REQUEST_SEND_ERROR and PARSE_ERROR of the SDK's HTTP pipeline. */
const BROKEN = new Set(['REQUEST_SEND_ERROR', 'PARSE_ERROR']);
const ADVICE: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: 'Check the key or signature of the connection; "az login" serves the identity chain.',
  ACCESS_DENIED: 'The credentials in use may not do this; the role Storage Blob Data Contributor allows it.',
};

interface RestError extends Error {
  statusCode?: number;
  code?: string;
  details?: { errorCode?: string };
  response?: { headers: { get(name: string): string | undefined } };
}

/** What the SDK throws, as a StoreError; other errors as they are. */
export function azureError(asked: Asked, thrown: unknown): unknown {
  if (asked.signal?.aborted) return canceled(asked.store, asked.signal);
  if (isError(thrown)) return thrown;
  const error = thrown as RestError;
  const at = { store: asked.store, key: asked.key, cause: thrown };
  const status = error?.statusCode;
  if (status === undefined) {
    if (error?.name === 'CredentialUnavailableError' || error?.name === 'AggregateAuthenticationError') {
      const said =
        'no credentials were found: give the connection a key or sas_token, or sign in by "az login"';
      return new StoreError('UNAUTHENTICATED', sentence(asked, said), at);
    }
    // Nobody aborted: so the SDK calls an answer whose connection broke, before its body or within it.
    const broke = error?.name === 'AbortError' || BROKEN.has(error?.code ?? '');
    const failure = networkFailure(error) ?? (broke ? 'CONNECTION' : undefined);
    return failure ? new StoreError(failure, sentence(asked, `no answer (${error.message})`), at) : thrown;
  }
  const provider = error.details?.errorCode ?? error.code;
  const notModified = status === 304 ? 'NOT_MODIFIED' : undefined;
  const byStatus = STATUSES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'BAD_SPEC');
  // Bytes that do not fit the MD5 that was sent with them; the code differs between services.
  const wrong = status === 400 && /md5/i.test(error.message) ? 'CORRUPT' : undefined;
  const code: ErrorCode = notModified ?? wrong ?? CODES[provider ?? ''] ?? byStatus;
  const first = (error.message ?? '').split('\n', 1)[0]!.slice(0, 200).replace(/\.$/, '');
  const said = [status, provider, first === provider ? '' : first].filter(Boolean).join(' ');
  return new StoreError(code, sentence(asked, said, ADVICE[code]), {
    ...at,
    status,
    providerCode: provider,
    requestId: error.response?.headers.get('x-ms-request-id'),
    retryAfter: parseRetryAfter(error.response?.headers.get('retry-after')),
  });
}

/** No answer came in time. */
export function timeoutError(asked: Asked): StoreError {
  return new StoreError('TIMEOUT', sentence(asked, 'no answer came in time'), {
    store: asked.store,
    key: asked.key,
  });
}

function sentence(asked: Asked, said: string, advice?: string): string {
  const what = asked.key === undefined ? asked.store : `${asked.store}/${asked.key}`;
  return `Could not ${asked.action} ${what}: ${said}.${advice ? ` ${advice}` : ''}`;
}
