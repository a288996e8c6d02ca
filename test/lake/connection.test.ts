import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseEndpoint, parseLakefsConnection } from '../../src/lake/client/connection.ts';

describe('the connection to lakeFS', () => {
  const home = mkdtempSync(join(tmpdir(), 'sluice-lakectl-'));
  const empty = mkdtempSync(join(tmpdir(), 'sluice-lakectl-'));
  writeFileSync(
    join(home, '.lakectl.yaml'),
    'credentials:\n  access_key_id: FILEKEY\n  secret_access_key: filesecret\nserver:\n  endpoint_url: http://file:8000/api/v1\n',
  );
  after(() => {
    for (const folder of [home, empty]) rmSync(folder, { recursive: true });
  });

  it('is that of the configuration first, then of the environment, then of lakectl', () => {
    const env = {
      HOME: home,
      LAKEFS_ENDPOINT: 'http://env:8000',
      LAKEFS_ACCESS_KEY: 'ENVKEY',
      LAKEFS_SECRET_KEY: 's',
    };
    const connection = {
      name: 'lake',
      type: 'lakefs',
      endpoint: 'https://configured/',
      access_key_id: 'CONFKEY',
      secret_access_key: 's',
    };
    const first = parseLakefsConnection(connection, env);
    assert.deepEqual([first.endpoint, first.accessKeyId], ['https://configured', 'CONFKEY']);
    assert.equal(first.from.credentials, 'connection "lake"');
    const second = parseLakefsConnection(undefined, env);
    assert.deepEqual([second.endpoint, second.accessKeyId], ['http://env:8000', 'ENVKEY']);
    const third = parseLakefsConnection(undefined, { HOME: home });
    assert.deepEqual(
      [third.endpoint, third.accessKeyId, third.secretAccessKey],
      ['http://file:8000', 'FILEKEY', 'filesecret'],
    );
  });

  it("takes lakectl's own environment names and another file", () => {
    const env = {
      HOME: empty,
      LAKECTL_SERVER_ENDPOINT_URL: 'http://ctl:1',
      LAKECTL_CREDENTIALS_ACCESS_KEY_ID: 'CTL',
      LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY: 's',
    };
    assert.equal(parseLakefsConnection(undefined, env).accessKeyId, 'CTL');
    const file = parseLakefsConnection(undefined, {
      HOME: empty,
      LAKECTL_CONFIG_FILE: join(home, '.lakectl.yaml'),
    });
    assert.equal(file.accessKeyId, 'FILEKEY');
  });

  it('never puts keys of two places together', () => {
    const env = { HOME: home, LAKEFS_ENDPOINT: 'http://env:8000', LAKEFS_ACCESS_KEY_ID: 'ENVKEY' };
    assert.throws(() => parseLakefsConnection(undefined, env), {
      code: 'BAD_CONFIG',
      message: /from the environment lack secret_access_key/,
    });
  });

  it('says what is missing', () => {
    assert.throws(() => parseLakefsConnection(undefined, { HOME: empty }), { message: /LAKEFS_ENDPOINT/ });
    const env = { HOME: empty, LAKEFS_ENDPOINT: 'http://x' };
    assert.throws(() => parseLakefsConnection(undefined, env), { message: /LAKEFS_ACCESS_KEY_ID/ });
  });

  it('takes an endpoint with or without the path of the API, and nothing strange', () => {
    for (const text of ['http://h:8000', 'http://h:8000/', 'http://h:8000/api/v1', 'http://h:8000/api/v1/'])
      assert.equal(parseEndpoint(text), 'http://h:8000');
    assert.equal(parseEndpoint('https://h/lake/api/v1'), 'https://h/lake');
    for (const text of ['h:8000', 'localhost', 's3://x', 'http://user:pass@h', 'http://h?x=1']) {
      assert.throws(
        () => parseEndpoint(text),
        (error: Error) => !error.message.includes('pass'),
      );
    }
  });

  it('shows nothing of a lakectl file that is garbled', () => {
    const file = join(empty, 'broken.yaml');
    writeFileSync(file, 'credentials: [secret-value: {');
    assert.throws(
      () => parseLakefsConnection(undefined, { HOME: empty, LAKECTL_CONFIG_FILE: file }),
      (error: Error) => /cannot be read/.test(error.message) && !error.message.includes('secret-value'),
    );
  });
});
