import { readFileSync } from 'node:fs';
import type * as clientModule from '@temporalio/client';
import type * as workerModule from '@temporalio/worker';
import { SluiceError } from '../../../base/errors.ts';

export interface TlsFiles {
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  serverName?: string | undefined;
}

export interface TemporalAddress {
  /** host:port */
  address: string;
  namespace: string;
  apiKey?: string | undefined;
  /** Files of certificates; true for those that the machine trusts. */
  tls?: boolean | TlsFiles | undefined;
}

export type ClientModule = typeof clientModule;
export type WorkerModule = typeof workerModule;

export const PACKAGES = ['client', 'worker', 'activity', 'common', 'workflow'];

/** Loads the parts of Temporal's SDK, which are installed by those who use it. @throws SluiceError UNSUPPORTED */
export async function loadTemporal<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (
      (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') ||
      !message.includes('@temporalio')
    ) {
      throw error;
    }
    throw new SluiceError(
      'UNSUPPORTED',
      `engine: temporal needs Temporal's SDK beside Sluice. Install it: npm install ${PACKAGES.map((name) => `@temporalio/${name}@^1.24`).join(' ')}`,
      { cause: error },
    );
  }
}

/** @throws SluiceError CONNECTION, BAD_CONFIG (a certificate) */
export async function connectClient(to: TemporalAddress): Promise<clientModule.Client> {
  const { Client, Connection } = await loadTemporal(() => import('@temporalio/client'));
  try {
    const connection = await Connection.connect({ ...optionsOf(to), connectTimeout: '20s' });
    return new Client({ connection, namespace: to.namespace });
  } catch (error) {
    throw unreachable(to, error);
  }
}

/** @throws SluiceError CONNECTION, BAD_CONFIG */
export async function connectWorker(to: TemporalAddress): Promise<workerModule.NativeConnection> {
  const { NativeConnection } = await loadTemporal(() => import('@temporalio/worker'));
  try {
    return await NativeConnection.connect(optionsOf(to));
  } catch (error) {
    throw unreachable(to, error);
  }
}

function optionsOf({ address, apiKey, tls }: TemporalAddress) {
  const files = typeof tls === 'object' ? tls : undefined;
  const secure = tls === true || files !== undefined || (tls === undefined && apiKey !== undefined);
  return {
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
    tls: secure
      ? {
          ...(files?.serverName === undefined ? {} : { serverNameOverride: files.serverName }),
          ...(files?.ca === undefined ? {} : { serverRootCACertificate: read(files.ca) }),
          ...(files?.cert === undefined || files.key === undefined
            ? {}
            : { clientCertPair: { crt: read(files.cert), key: read(files.key) } }),
        }
      : false,
  };
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SluiceError(
      'BAD_CONFIG',
      `The file ${path} that temporal.tls_… names can't be read (${code}).`,
    );
  }
}

function unreachable({ address }: TemporalAddress, error: unknown): unknown {
  if (error instanceof SluiceError) return error;
  return new SluiceError(
    'CONNECTION',
    `Temporal does not answer at ${address}: ${(error as Error).message}. Check temporal.address, tls and api_key.`,
    { cause: error },
  );
}

/** Errors of Temporal's frontend (gRPC codes) in our terms. */
export function temporalError(error: unknown, { address, namespace }: TemporalAddress): unknown {
  if (error instanceof SluiceError) return error;
  const grpc = grpcOf(error);
  const details = { cause: error };
  switch (grpc?.code) {
    case 3:
      return new SluiceError('TOO_LARGE', `Temporal refuses it: ${grpc.details}.`, details);
    case 4:
      return new SluiceError('TIMEOUT', `Temporal at ${address} answers too late.`, details);
    case 5:
      return new SluiceError('NOT_FOUND', `Temporal has no such thing: ${grpc.details}.`, details);
    case 7:
      return new SluiceError(
        'ACCESS_DENIED',
        `Temporal does not let this process use namespace ${namespace}.`,
        details,
      );
    case 8:
      return new SluiceError(
        'THROTTLED',
        `Temporal at ${address} has too much to do: ${grpc.details}.`,
        details,
      );
    case 14:
      return new SluiceError(
        'UNAVAILABLE',
        `Temporal at ${address} can't be reached: ${grpc.details}.`,
        details,
      );
    case 16:
      return new SluiceError(
        'UNAUTHENTICATED',
        `Temporal at ${address} does not take temporal.api_key.`,
        details,
      );
    default:
      return error;
  }
}

export function grpcOf(error: unknown): { code: number; details: string } | undefined {
  for (let each = error as { code?: unknown; details?: unknown; cause?: unknown } | undefined; each; ) {
    if (typeof each.code === 'number') return { code: each.code, details: String(each.details ?? '') };
    each = each.cause as typeof each;
  }
  return undefined;
}
