import assert from 'node:assert/strict';
import { it } from 'node:test';
import { answerPage, loadPage, type PageFile } from '../../src/web/static.ts';

const file: PageFile = {
  path: '/',
  type: 'text/html; charset=utf-8',
  etag: '"abc"',
  cacheControl: 'no-cache',
  body: Buffer.from('plain'),
  gzip: Buffer.from('gzipped'),
  brotli: Buffer.from('brotli'),
};

it('sends the smallest form that the browser takes', () => {
  const sent = (acceptEncoding?: string) => answerPage(file, { acceptEncoding }).body?.toString();
  assert.equal(sent('gzip, deflate, br, zstd'), 'brotli');
  assert.equal(sent('gzip;q=1.0, br;q=0'), 'gzipped');
  assert.equal(sent('identity'), 'plain');
  assert.equal(sent(), 'plain');
});

it('sends nothing again that the browser has', () => {
  for (const ifNoneMatch of ['"abc"', 'W/"abc"', '"x", W/"abc"']) {
    const { status, body } = answerPage(file, { acceptEncoding: 'br', ifNoneMatch });
    assert.equal(status, 304);
    assert.equal(body, undefined);
  }
  assert.equal(answerPage(file, { ifNoneMatch: '"old"' }).status, 200);
});

it('lets the page load nothing from elsewhere and run no inline script', () => {
  const policy = answerPage(file, {}).headers['content-security-policy']!;
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
});

it('knows when the page was not built', async () => {
  assert.equal(await loadPage(['/nowhere']), undefined);
});
