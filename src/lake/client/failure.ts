import type { ErrorCode } from '../../base/errors.ts';
import { StoreError } from '../../stores/errors.ts';
import { parseRetryAfter } from '../../stores/retry.ts';

/** What a request is about, for its errors. */
export interface Subject {
  /** `lakefs://repository/ref`, or the endpoint. */
  store: string;
  key?: string;
  /** What is being done, as in "Cannot …: ". */
  doing: string;
}

type Headers = Record<string, string | string[] | undefined>;

const CODES: Record<number, ErrorCode> = {
  400: 'BAD_SPEC',
  401: 'UNAUTHENTICATED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  410: 'NOT_FOUND',
  412: 'PRECONDITION_FAILED',
  416: 'RANGE_NOT_SATISFIABLE',
  420: 'THROTTLED',
  423: 'UNAVAILABLE',
  429: 'THROTTLED',
  501: 'UNSUPPORTED',
};

const REFUSED: [RegExp, ErrorCode][] = [
  [/\bNoSuchUpload\b/, 'NOT_FOUND'],
  [/\b(?:InvalidPart|InvalidPartOrder|EntityTooSmall)\b/, 'BAD_SPEC'],
];

const HINTS: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: ' Check the access key id and the secret access key.',
  ACCESS_DENIED: ' These credentials need a policy that allows it.',
};

/** The error of an answer that is none of 2xx, with lakeFS's own message in it. */
export function answerFailure(
  endpoint: string,
  subject: Subject,
  status: number,
  headers: Headers,
  body: string,
): StoreError {
  const said = messageOf(body);
  let code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'PROTOCOL');
  if (status === 400 && /not supported|not implemented/i.test(said)) code = 'UNSUPPORTED';
  // lakeFS passes the refusals of its object store on as failures of its own.
  if (status === 500) code = REFUSED.find(([pattern]) => pattern.test(said))?.[1] ?? code;
  const quoted = said === '' ? `${status}` : `${status}, "${said}"`;
  return new StoreError(
    code,
    `Cannot ${subject.doing}: lakeFS at ${endpoint} answered ${quoted}.${HINTS[code] ?? ''}`,
    {
      store: subject.store,
      key: subject.key,
      status,
      requestId: header(headers, 'x-request-id'),
      retryAfter: parseRetryAfter(header(headers, 'retry-after')),
    },
  );
}

/** The error of an object store that a presigned address led to. The address itself is a secret. */
export function presignedFailure(
  host: string,
  subject: Subject,
  status: number,
  headers: Headers,
  body: string,
): StoreError {
  const providerCode = /<Code>([^<]{1,100})<\/Code>/.exec(body)?.[1];
  let code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'PROTOCOL');
  // An address that has run out is 403 on S3 and Azure, 400 on GCS.
  if (status === 401 || (status === 400 && /expired/i.test(body))) code = 'ACCESS_DENIED';
  const quoted = providerCode === undefined ? `${status}` : `${status} ${providerCode}`;
  return new StoreError(code, `Cannot ${subject.doing}: the object store at ${host} answered ${quoted}.`, {
    store: subject.store,
    key: subject.key,
    status,
    providerCode,
    requestId: header(headers, 'x-amz-request-id') ?? header(headers, 'x-ms-request-id'),
    retryAfter: parseRetryAfter(header(headers, 'retry-after')),
  });
}

/** lakeFS says what is wrong in `message`; the first line of it is for people, what follows is a schema. */
function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === 'string') return message.split('\n')[0]!.slice(0, 500);
  } catch {
    // Not JSON: something else than lakeFS answered, and its page tells people nothing.
  }
  return '';
}

export function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
