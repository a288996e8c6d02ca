import { SluiceError } from '../../base/errors.ts';
import { networkFailure } from '../../stores/retry.ts';

const codeOf = (error: unknown): string => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

/** SQLSTATE has five characters: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code);

/** What pg says, without a code, when a connection is gone or was not made in time. */
const BROKEN =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout expired|timeout exceeded when trying to connect|connection (to|is))/i;

/** Whether the server did not answer, is going down or has become a standby: another connection may do better. */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof SluiceError) return false;
  const code = codeOf(error);
  if (isSqlState(code) && code !== 'EPIPE') {
    return /^(08...|57P0[1-5]|25P03|25006|53300)$/.test(code);
  }
  if (networkFailure(error)) return true;
  return error instanceof Error && BROKEN.test(error.message);
}

/** Whether PostgreSQL undid a transaction because of others, and wants it to be done again. */
export function isOthersTransaction(error: unknown): boolean {
  return /^(40001|40P01)$/.test(codeOf(error));
}

const CERTIFICATE = /^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT)/;

/** A sentence for what a user can do something about; anything else as it is. None holds a password. */
export function postgresError(error: unknown, name: string): unknown {
  if (error instanceof SluiceError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message || code : String(error);
  const details = { cause: error };
  const final = { ...details, retryable: false };
  if (code === '28P01' || code === '28000' || /password must be a string|no password/i.test(message)) {
    return new SluiceError(
      'ACCESS_DENIED',
      `${name} refuses to sign in. Check the user and password of the state (--state, $SLUICE_STATE).`,
      final,
    );
  }
  if (code === '3D000') {
    return new SluiceError('NOT_FOUND', `${name}: there is no such database; make it with createdb.`, final);
  }
  if (code === '42501') {
    return new SluiceError(
      'ACCESS_DENIED',
      `${name}: the user may not do this (${message}). Grant it CREATE on the database, or make the schema for it.`,
      final,
    );
  }
  if (code === '53100') return new SluiceError('NO_SPACE', `No space in ${name}. Make room.`, details);
  if (CERTIFICATE.test(code)) {
    return new SluiceError(
      'ACCESS_DENIED',
      `The certificate of ${name} can't be trusted (${code}): name its authority with sslrootcert.`,
      final,
    );
  }
  if (/does not support SSL/i.test(message)) {
    return new SluiceError(
      'BAD_CONFIG',
      `${name} has no TLS. Leave sslmode out, if the way to it is safe.`,
      final,
    );
  }
  if (code === 'ENOTFOUND') {
    return new SluiceError('UNAVAILABLE', `${name}: there is no host of this name.`, details);
  }
  if (isConnectionLoss(error) || isOthersTransaction(error)) {
    return new SluiceError('UNAVAILABLE', `${name} can't be reached (${message}).`, details);
  }
  return error;
}
