import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseGcsConnection } from '../../src/stores/gcs/settings.ts';
import { GcsStore } from '../../src/stores/gcs/store.ts';

test('without credentials, and with a file that has none, it says what to do', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-gcs-'));
  const { env } = process;
  Object.assign(env, { HOME: folder, CLOUDSDK_CONFIG: folder, METADATA_SERVER_DETECTION: 'none' });
  const store = new GcsStore(parseGcsConnection(undefined), 'bucket');
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const expected = {
    code: 'UNAUTHENTICATED',
    message: /for gs:\/\/bucket: .*GOOGLE_APPLICATION_CREDENTIALS/,
    retryable: false,
  };
  delete env.GOOGLE_APPLICATION_CREDENTIALS;
  await assert.rejects(store.head('key'), expected);
  env.GOOGLE_APPLICATION_CREDENTIALS = join(folder, 'key.json');
  writeFileSync(env.GOOGLE_APPLICATION_CREDENTIALS, '{"type": "service_account"}');
  await assert.rejects(store.head('key'), expected);
});
