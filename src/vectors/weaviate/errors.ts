import { type ErrorCode, SluiceError } from '../../base/errors.ts';

/** The other side's HTTP answer as an error: what it said, and the code that decides what happens next. */
export function restError(status: number, body: string, what: string, retryAfter?: number): SluiceError {
  const said = messageOf(body);
  return new SluiceError(
    codeOf(status, said),
    `Weaviate answered ${status} to ${what}${said ? `: ${said}` : ''}${advice(status)}`,
    { status, ...(retryAfter === undefined ? {} : { retryAfter }) },
  );
}

/** A call that failed by gRPC (status codes: grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export function grpcError(
  error: { code?: number; details?: string; message: string },
  what: string,
): SluiceError {
  const said = error.details || error.message;
  const code = grpcCode(error.code ?? 2, said);
  const hint =
    code === 'UNAUTHENTICATED'
      ? advice(401)
      : code === 'ACCESS_DENIED'
        ? advice(403)
        : code === 'UNAVAILABLE' && /connect|ECONNREFUSED|ENOTFOUND|DNS/i.test(said)
          ? ' (is the gRPC address right? set it with --grpc, WEAVIATE_GRPC or the connection)'
          : '';
  return new SluiceError(code, `Weaviate failed ${what}: ${said}${hint}`, { cause: error });
}

function grpcCode(code: number, said: string): ErrorCode {
  if (/tenant not active|tenant .*not (?:active|found)|could not find class|class .*not found/i.test(said)) {
    return /not active/i.test(said) ? 'CONFLICT' : 'NOT_FOUND';
  }
  switch (code) {
    case 1:
      return 'CANCELED';
    case 3:
    case 9:
    case 11:
      return 'BAD_SPEC';
    case 4:
      return 'TIMEOUT';
    case 5:
      return 'NOT_FOUND';
    case 6:
      return 'ALREADY_EXISTS';
    case 7:
      return 'ACCESS_DENIED';
    case 8:
      return /larger than max|message.*size|max.*message/i.test(said) ? 'TOO_LARGE' : 'THROTTLED';
    case 12:
      return 'UNSUPPORTED';
    case 14:
      return 'UNAVAILABLE';
    case 16:
      return 'UNAUTHENTICATED';
    case 13:
      return /RST_STREAM|connection|socket|stream/i.test(said) ? 'CONNECTION' : 'UNAVAILABLE';
    default:
      // What the server's own sign-in and roles refuse comes without a status of its own.
      if (/extract auth|unauthorized|invalid api key|token is expired/i.test(said)) return 'UNAUTHENTICATED';
      if (/forbidden/i.test(said)) return 'ACCESS_DENIED';
      return /context deadline exceeded|timeout/i.test(said)
        ? 'TIMEOUT'
        : /unavailable|connection refused|shutdown|read[- ]only|not ready/i.test(said)
          ? 'UNAVAILABLE'
          : 'PROTOCOL';
  }
}

function codeOf(status: number, said: string): ErrorCode {
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'ACCESS_DENIED';
  if (status === 404) return 'NOT_FOUND';
  if (status === 409) return 'ALREADY_EXISTS';
  if (status === 408) return 'TIMEOUT';
  if (status === 413) return 'TOO_LARGE';
  if (status === 429) return 'THROTTLED';
  if (/tenant not active/i.test(said)) return 'CONFLICT';
  if (/tenant not found|could not find class/i.test(said)) return 'NOT_FOUND';
  if (status >= 500) return 'UNAVAILABLE';
  return 'BAD_SPEC';
}

function advice(status: number): string {
  if (status === 401) return ' (set WEAVIATE_API_KEY, or api_key or bearer_token of the connection)';
  if (status === 403) return ' (the key that is used lacks this right)';
  return '';
}

function messageOf(body: string): string {
  try {
    const parsed = JSON.parse(body) as { error?: { message?: string }[]; message?: string };
    const messages = Array.isArray(parsed.error)
      ? parsed.error.map((each) => each.message)
      : [parsed.message];
    return messages.filter(Boolean).join('; ').slice(0, 1000);
  } catch {
    return body.trim().slice(0, 300);
  }
}
