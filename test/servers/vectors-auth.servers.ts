import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileStore } from '../../src/stores/file/store.ts';
import { VectorFile } from '../../src/vectors/layouts/file.ts';
import { WeaviateClient } from '../../src/vectors/weaviate/client.ts';
import { parseWeaviateConnection } from '../../src/vectors/weaviate/connection.ts';
import { startWeaviate, type WeaviateServer } from './harness.ts';
import { fillMany } from './vectors/fill.ts';
import { type Issuer, startIssuer } from './vectors/issuer.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const COUNT = 3000;

/** A server with roles, API keys and an OIDC issuer; what its users may do is decided by it alone. */
describe('signing in to a Weaviate with roles', () => {
  let issuer: Issuer;
  let server: WeaviateServer;
  let admin: WeaviateClient;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-auth-'));
    issuer = await startIssuer({ 'refresh-reader': 'reader', 'refresh-nobody': 'nobody' });
    server = await startWeaviate({
      AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'false',
      AUTHENTICATION_APIKEY_ENABLED: 'true',
      AUTHENTICATION_APIKEY_ALLOWED_KEYS: 'admin-key,reader-key',
      AUTHENTICATION_APIKEY_USERS: 'admin,reader',
      AUTHENTICATION_OIDC_ENABLED: 'true',
      AUTHENTICATION_OIDC_ISSUER: issuer.url,
      AUTHENTICATION_OIDC_CLIENT_ID: issuer.clientId,
      AUTHENTICATION_OIDC_USERNAME_CLAIM: 'sub',
      AUTHORIZATION_RBAC_ENABLED: 'true',
      AUTHORIZATION_RBAC_ROOT_USERS: 'admin',
    });
    admin = clientWith({ api_key: 'admin-key' });
    for (const name of ['Open', 'Shut']) await fillMany(admin, name, COUNT);
    const permissions = [
      { action: 'read_collections', collections: { collection: 'Open' } },
      { action: 'read_data', data: { collection: 'Open', tenant: '*', object: '*' } },
    ];
    await admin.rest.call('POST', '/authz/roles', { body: { name: 'one-class', permissions } });
    for (const userType of ['db', 'oidc']) {
      const body = { roles: ['one-class'], userType };
      await admin.rest.call('POST', '/authz/users/reader/assign', { body });
    }
    await sleep(1100);
  });
  after(async () => {
    await admin?.close();
    await server?.stop();
    issuer?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const clientWith = (more: object) =>
    new WeaviateClient(
      parseWeaviateConnection({
        name: 'test',
        type: 'weaviate',
        url: server.url,
        grpc: server.grpc,
        ...more,
      }),
    );

  /** The command line with a connection of these credentials. */
  async function sluice(credentials: Record<string, string>, ...args: string[]) {
    const config = join(folder, `${Object.keys(credentials).join('-')}.yaml`);
    const connection = { type: 'weaviate', url: server.url, grpc: server.grpc, ...credentials };
    writeFileSync(
      config,
      JSON.stringify({ connections: { vectors: connection }, state: join(folder, 'state') }),
    );
    const all = [MAIN, '--config', config, ...args];
    return new Promise<{ code: number; said: string }>((resolve) => {
      execFile(process.execPath, all, { maxBuffer: 1e9 }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, said: stdout + stderr });
      });
    });
  }
  const exportOf = (credentials: Record<string, string>, id: string, ...more: string[]) =>
    sluice(
      credentials,
      'vectors',
      'export',
      join(folder, 'out'),
      '--weaviate',
      'vectors',
      '--id',
      id,
      ...more,
    );

  async function assertOpenOnly(id: string): Promise<void> {
    const file = await VectorFile.open(new FileStore(join(folder, 'out')), `${id}/Open.parquet`);
    assert.equal(file.rows, COUNT);
    assert.equal(existsSync(join(folder, 'out', id, 'Shut.parquet')), false);
  }

  test('an unknown key is refused with what the server says, and without the key', async () => {
    const { code, said } = await exportOf({ api_key: 'wrong-key' }, 'unknown');
    assert.equal(code, 1);
    assert.match(said, /401/);
    assert.match(said, /UNAUTHENTICATED/);
    assert.doesNotMatch(said, /wrong-key/);
    const none = await exportOf({}, 'anonymous');
    assert.match(none.said, /401.*anonymous/s);
  });

  test('a role that may read one class exports that one', async () => {
    const { code, said } = await exportOf({ api_key: 'reader-key' }, 'reader');
    assert.equal(code, 0, said);
    await assertOpenOnly('reader');
  });

  test('what a role may not do is refused with what the server says', async () => {
    const source = join(folder, 'out', 'reader');
    const imported = await sluice(
      { api_key: 'reader-key' },
      ...['vectors', 'import', source, '--weaviate', 'vectors', '--rename', 'Open=Copy'],
      ...['--reports', join(folder, 'imports'), '--id', 'forbidden'],
    );
    assert.equal(imported.code, 1, imported.said);
    assert.match(imported.said, /403/);
    assert.match(imported.said, /reader.*insufficient permissions|forbidden/is);
    assert.match(imported.said, /ACCESS_DENIED/);
  });

  test('an OIDC token is one as any, until it runs out', async () => {
    const good = await exportOf({ bearer_token: await issuer.token('reader', 600) }, 'bearer');
    assert.equal(good.code, 0, good.said);
    await assertOpenOnly('bearer');
    const token = await issuer.token('reader', -60);
    const { code, said } = await exportOf({ bearer_token: token }, 'late');
    assert.equal(code, 1);
    assert.match(said, /401.*UNAUTHENTICATED/s);
    assert.ok(!said.includes(token));
    const nobody = await exportOf({ bearer_token: await issuer.token('nobody', 600) }, 'nobody');
    assert.equal(nobody.code, 2, nobody.said);
    assert.match(nobody.said, /shows no class to these credentials/);
  });

  test('a token that runs out in mid-export fails by name, and the job goes on with another', async () => {
    const client = clientWith({ bearer_token: await issuer.token('reader', 8) });
    const pages = [];
    await assert.rejects(
      async () => {
        const schema = (await client.classNamed('Open'))!;
        for (;;) {
          const wanted = { properties: schema.properties!, vectors: true };
          pages.push(await client.page(schema, { limit: 10, wanted }));
          await sleep(200);
        }
      },
      (error: Error & { code: string }) => error.code === 'UNAUTHENTICATED',
    );
    assert.ok(pages.length > 0);
    await client.close();
  });

  test('with a refresh token an export outlives its tokens', async () => {
    issuer.lifetime = 3;
    const before = issuer.given;
    const client = clientWith({ refresh_token: 'refresh-reader' });
    const schema = (await client.classNamed('Open'))!;
    while (issuer.given - before < 4) {
      const wanted = { properties: schema.properties!, vectors: true };
      const { objects } = await client.page(schema, { limit: 10, wanted });
      assert.equal(objects.length, 10);
      assert.equal(await client.count('Open'), COUNT);
      await sleep(300);
    }
    await client.close();
    issuer.lifetime = 3600;
    const { code, said } = await exportOf({ refresh_token: 'refresh-reader' }, 'refreshed');
    assert.equal(code, 0, said);
    await assertOpenOnly('refreshed');
    const spent = await exportOf({ refresh_token: 'spent' }, 'spent');
    assert.match(spent.said, /invalid_grant.*UNAUTHENTICATED/s);
    assert.doesNotMatch(spent.said, /"spent-token"/);
  });
});
