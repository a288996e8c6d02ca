import { createHash } from 'node:crypto';
import { isError } from '../../base/errors.ts';
import { StoreError } from '../errors.ts';
import { delayBefore, pause } from '../retry.ts';
import type { DeleteFailure } from '../store.ts';
import type { S3Client } from './client.ts';
import { answeredError, brokenAnswer } from './errors.ts';
import { quoted } from './headers.ts';
import { escapeXml, readXml, xmlCanHold } from './xml.ts';

/** Most keys of one DeleteObjects. */
export const DELETE_BATCH = 1000;
/** Single deletes at once, where there is no batch. */
const SINGLE = 16;

export async function deleteObject(
  client: S3Client,
  key: string,
  options: { ifMatch?: string | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  try {
    await client.send({
      store: client.name,
      action: 'delete',
      key,
      method: 'DELETE',
      signal: options.signal,
      ...(options.ifMatch !== undefined && { headers: ['if-match', quoted(options.ifMatch)] }),
    });
  } catch (error) {
    if (
      !(error instanceof StoreError) ||
      error.code !== 'NOT_FOUND' ||
      error.providerCode === 'NoSuchBucket'
    ) {
      throw error;
    }
  }
}

/** Deletes batch by batch; failures worth it are tried again, the others are given with their reason. */
export async function deleteObjects(
  client: S3Client,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<DeleteFailure[]> {
  // XML 1.0 has no way to write some characters that keys may have.
  const single = keys.filter((key) => !xmlCanHold(key));
  const batched = single.length === 0 ? keys : keys.filter(xmlCanHold);
  const failures = await deleteSingly(client, single, signal);
  for (let start = 0; start < batched.length; start += DELETE_BATCH) {
    const batch = batched.slice(start, start + DELETE_BATCH);
    try {
      failures.push(...(await deleteBatch(client, batch, signal)));
    } catch (error) {
      if (!isError(error, 'UNSUPPORTED')) throw error;
      failures.push(...(await deleteSingly(client, batch, signal)));
    }
  }
  return failures;
}

async function deleteBatch(
  client: S3Client,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<DeleteFailure[]> {
  const started = performance.now();
  const final: DeleteFailure[] = [];
  let left = keys;
  for (let attempt = 1; ; attempt++) {
    const failed = await sendBatch(client, left, signal);
    let delay: number | undefined;
    for (const failure of failed) {
      const { retry } = client.settings;
      const each = delayBefore(failure.error, attempt, performance.now() - started, retry, signal);
      if (each === undefined) final.push(failure);
      else delay = Math.max(delay ?? 0, each);
    }
    if (delay === undefined) return final;
    const given = new Set(final.map((failure) => failure.key));
    left = failed.map((failure) => failure.key).filter((key) => !given.has(key));
    await pause(delay, signal);
  }
}

async function sendBatch(
  client: S3Client,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<DeleteFailure[]> {
  const asked = { store: client.name, action: `delete ${keys.length} objects from` };
  const list = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join('');
  const body = Buffer.from(
    `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${list}</Delete>`,
  );
  let failures: DeleteFailure[] = [];
  await client.send({
    ...asked,
    method: 'POST',
    query: 'delete=',
    headers: [
      ...['content-type', 'application/xml'],
      ...['content-md5', createHash('md5').update(body).digest('base64')],
    ],
    body,
    payload: createHash('sha256').update(body).digest('hex'),
    signal,
    accept: (answer) => {
      failures = readFailures(client, asked, answer.body.toString());
    },
  });
  return failures;
}

function readFailures(
  client: S3Client,
  asked: { store: string; action: string },
  xml: string,
): DeleteFailure[] {
  const failures: DeleteFailure[] = [];
  let fields: Record<string, string> = {};
  let root = '';
  try {
    readXml(xml, {
      leaf(name, text, parent) {
        if (parent === 'Error') fields[name] = text;
        if (parent === '') root = name;
      },
      end(name) {
        root = name;
        if (name !== 'Error') return;
        const { Key: key = '', Code: code = '', Message: message = '' } = fields;
        if (code !== 'NoSuchKey') {
          const error = answeredError(
            { store: client.name, action: 'delete', key },
            code === 'AccessDenied' ? 403 : 500,
            {},
            `<Error><Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message></Error>`,
          );
          failures.push({ key, error });
        }
        fields = {};
      },
    });
    if (root !== 'DeleteResult') throw new Error(`it is ${root || 'empty'}`);
  } catch (error) {
    throw brokenAnswer(asked, `the answer cannot be read: ${(error as Error).message}`);
  }
  return failures;
}

async function deleteSingly(
  client: S3Client,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<DeleteFailure[]> {
  const failures: DeleteFailure[] = [];
  const left = keys.values();
  const worker = async () => {
    for (const key of left) {
      try {
        await deleteObject(client, key, { signal });
      } catch (error) {
        if (isError(error, 'CANCELED')) throw error;
        failures.push({ key, error: error as Error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(SINGLE, keys.length) }, worker));
  return failures;
}
