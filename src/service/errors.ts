import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, isError, SluiceError, toSluiceError } from '../base/errors.ts';
import type { Log } from '../jobs/kind.ts';

const STATUS: Partial<Record<ErrorCode, number>> = {
  USAGE: 400,
  BAD_CONFIG: 400,
  BAD_SPEC: 400,
  BAD_URI: 400,
  BAD_KEY: 400,
  UNSUPPORTED: 400,
  UNAUTHENTICATED: 401,
  ACCESS_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  LEASED: 409,
  CANCELED: 409,
  TOO_LARGE: 413,
  THROTTLED: 429,
  CONNECTION: 502,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
};

/** An error for the caller: expected ones with their sentence, anything else without what it was. */
export interface Answered {
  status: number;
  code: string;
  message: string;
}

export function answerOf(thrown: unknown): Answered {
  if (isError(thrown)) {
    const { code, message } = thrown;
    return code === 'INTERNAL' ? INTERNAL : { status: STATUS[code] ?? 500, code, message };
  }
  const { statusCode, message, validation } = thrown as FastifyError;
  if (validation) return { status: 400, code: 'BAD_SPEC', message: `${capital(message)}.` };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: 'BAD_SPEC', message };
  }
  return INTERNAL;
}

const INTERNAL: Answered = {
  status: 500,
  code: 'INTERNAL',
  message: 'Something went wrong here; the log has it under the id of this request.',
};

/** Answers with an error in our own form, `{error: {code, message}}`; what was not expected goes to the log. */
export function errorHandler(log: Log) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { status, code, message } = noted(thrown, request, log);
    addHeaders(thrown, status, reply);
    reply.code(status).send({ error: { code, message } });
  };
}

/** Like `errorHandler` in Weaviate's form, `{error: [{message}]}`; what can't be understood is 422 there. */
export function weaviateErrorHandler(log: Log) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { status, message } = noted(thrown, request, log);
    addHeaders(thrown, status, reply);
    reply.code(status === 400 ? 422 : status).send({ error: [{ message }] });
  };
}

function noted(thrown: unknown, request: FastifyRequest, log: Log): Answered {
  const answered = answerOf(thrown);
  if (answered.status === 500) {
    const error = toSluiceError(thrown);
    log.error({ request: request.id, error: error.message, stack: error.stack }, 'a request failed');
  }
  return answered;
}

function addHeaders(thrown: unknown, status: number, reply: FastifyReply): void {
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="sluice"');
  if (thrown instanceof SluiceError && thrown.retryAfter !== undefined) {
    reply.header('retry-after', String(Math.ceil(thrown.retryAfter / 1000)));
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
