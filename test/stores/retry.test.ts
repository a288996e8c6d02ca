import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SluiceError } from '../../src/base/errors.ts';
import { backoff, networkFailure, parseRetryAfter, retry } from '../../src/stores/retry.ts';

const quick = { attempts: 4, baseDelay: 1, maxDelay: 4, deadline: 10_000 };

test('what can be mended is tried again until it works', async () => {
  const seen: number[] = [];
  const result = await retry(
    async (number) => {
      seen.push(number);
      if (number < 3) throw new SluiceError('UNAVAILABLE', 'busy');
      return 'done';
    },
    { policy: quick },
  );
  assert.equal(result, 'done');
  assert.deepEqual(seen, [1, 2, 3]);
});

test('the last error comes out when the attempts are used up', async () => {
  let calls = 0;
  await assert.rejects(
    retry(
      async () => {
        calls++;
        throw new SluiceError('THROTTLED', `slow down ${calls}`);
      },
      { policy: quick },
    ),
    { code: 'THROTTLED', message: 'slow down 4' },
  );
});

test('what trying again does not mend is tried once', async () => {
  for (const error of [new SluiceError('ACCESS_DENIED', 'no'), new TypeError('a bug')]) {
    let calls = 0;
    const work = retry(
      async () => {
        calls++;
        throw error;
      },
      { policy: quick },
    );
    await assert.rejects(work, error);
    assert.equal(calls, 1);
  }
});

test('a wait longer than the deadline leaves is not begun', async () => {
  let calls = 0;
  await assert.rejects(
    retry(
      async () => {
        calls++;
        throw new SluiceError('THROTTLED', 'come back tomorrow', { retryAfter: 86_400_000 });
      },
      { policy: quick },
    ),
    { code: 'THROTTLED' },
  );
  assert.equal(calls, 1);
});

test('cancelling ends a wait', async () => {
  const abort = new AbortController();
  const work = retry(
    async () => {
      throw new SluiceError('THROTTLED', 'slow', { retryAfter: 60_000 });
    },
    {
      policy: { ...quick, deadline: 1e9 },
      signal: abort.signal,
      onRetry: () => setImmediate(() => abort.abort()),
    },
  );
  await assert.rejects(work, { code: 'CANCELED' });
});

test('waits stay between zero and a ceiling that doubles, and never under what was asked for', () => {
  for (let number = 1; number < 12; number++) {
    const delay = backoff(number, { attempts: 20, baseDelay: 10, maxDelay: 500, deadline: 1e9 });
    assert.ok(delay >= 0 && delay <= Math.min(500, 10 * 2 ** (number - 1)), `attempt ${number}: ${delay}`);
  }
  assert.ok(backoff(1, quick, 3000) >= 3000);
});

test('Retry-After is seconds or a date', () => {
  assert.equal(parseRetryAfter('3'), 3000);
  assert.equal(parseRetryAfter(undefined), undefined);
  assert.equal(parseRetryAfter('soon'), undefined);
  assert.equal(parseRetryAfter('Thu, 01 Jan 1970 00:00:00 GMT'), 0);
  const inAMinute = parseRetryAfter(new Date(Date.now() + 60_000).toUTCString())!;
  assert.ok(inAMinute > 50_000 && inAMinute <= 60_000);
});

test('failures below HTTP are told apart', () => {
  const withCode = (code: string) => Object.assign(new Error('x'), { code });
  assert.equal(networkFailure(withCode('ECONNRESET')), 'CONNECTION');
  assert.equal(networkFailure(withCode('UND_ERR_BODY_TIMEOUT')), 'TIMEOUT');
  assert.equal(networkFailure(withCode('HPE_INVALID_CONSTANT')), 'CONNECTION');
  assert.equal(networkFailure(new Error('fetch failed', { cause: withCode('ECONNREFUSED') })), 'CONNECTION');
  assert.equal(networkFailure(new AggregateError([withCode('ETIMEDOUT')])), 'TIMEOUT');
  assert.equal(networkFailure(new Error('a bug')), undefined);
});
