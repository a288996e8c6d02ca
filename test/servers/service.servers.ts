import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { VectorFile } from '../../src/vectors/layouts/file.ts';
import { WeaviateClient } from '../../src/vectors/weaviate/client.ts';
import { parseWeaviateConnection } from '../../src/vectors/weaviate/connection.ts';
import { TestService } from '../support/service.ts';
import { type S3Server, startMinio, startWeaviate, type WeaviateServer } from './harness.ts';
import { installed } from './install.ts';
import { fillMany } from './vectors/fill.ts';

const execute = promisify(execFile);
const SCRIPT = join(import.meta.dirname, 'service/export_client.py');
const ADMIN = 'admin-key';

describe("Weaviate's own Python client, pointed at Sluice", () => {
  let weaviate: WeaviateServer;
  let minio: S3Server;
  let python: string;
  const service = new TestService();

  before(async () => {
    python = await installed('python');
    [weaviate, minio] = await Promise.all([
      startWeaviate({
        AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'false',
        AUTHENTICATION_APIKEY_ENABLED: 'true',
        AUTHENTICATION_APIKEY_ALLOWED_KEYS: `${ADMIN},other-key`,
        AUTHENTICATION_APIKEY_USERS: 'admin,other',
        AUTHORIZATION_RBAC_ENABLED: 'true',
        AUTHORIZATION_RBAC_ROOT_USERS: 'admin',
      }),
      startMinio({ buckets: ['exports'] }),
    ]);
    const client = new WeaviateClient(
      parseWeaviateConnection({
        name: 'test',
        type: 'weaviate',
        url: weaviate.url,
        grpc: weaviate.grpc,
        api_key: ADMIN,
      }),
    );
    await fillMany(client, 'Many', 20_000);
    await client.close();
    await service.start({
      service: { listen: '', auth: 'keys', weaviate: 'vectors' },
      connections: [
        { name: 'vectors', type: 'weaviate', url: weaviate.url, grpc: weaviate.grpc, api_key: ADMIN },
        {
          name: 'minio',
          type: 's3',
          endpoint: minio.endpoint,
          region: minio.region,
          path_style: true,
          access_key_id: minio.accessKeyId,
          secret_access_key: minio.secretAccessKey,
        },
      ],
      export: { s3: { connection: 'minio', bucket: 'exports', path: 'weaviate' } },
    });
  });
  after(async () => {
    await service.close();
    await Promise.all([weaviate?.stop(), minio?.stop()]);
  });

  test('creates, follows and cancels exports, and does all else as with Weaviate itself', async () => {
    const { port } = new URL(service.url);
    const grpcPort = weaviate.grpc.split(':')[1]!;
    const { stdout } = await execute(python, [SCRIPT, port, grpcPort, ADMIN], { timeout: 120_000 });
    const said = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ step, ...fields }) => [step, fields]),
    );
    assert.deepEqual(said.used, { count: 50, classes: ['Clientnote', 'Many'] });
    assert.deepEqual(said.created, {
      status: 'STARTED',
      classes: ['Clientnote'],
      path: 's3://exports/weaviate/client-1',
    });
    assert.equal(said.waited.status, 'SUCCESS');
    assert.equal(typeof said.waited.took, 'number');
    assert.deepEqual(Object.values(said.waited.shards.Clientnote), [['SUCCESS', 50]]);
    assert.equal(said.twice.code, 409);
    assert.equal(said.unknown.code, 422);
    assert.match(said.unknown.message, /There is no class "Nowhere"/);
    assert.deepEqual(said.cancelled, { cancelled: true, status: 'CANCELED', late: false });

    const { store } = await service.app.open('s3://exports/', { connection: 'minio' });
    const file = await VectorFile.open(store, 'weaviate/client-2/Clientnote.parquet');
    let rows = 0;
    for await (const group of file.groups()) rows += group.length;
    assert.equal(rows, 50);
  });

  test("Weaviate's own rights decide who may export what", async () => {
    const create = (key: string | undefined) => {
      service.key = key;
      return service.post('/v1/export/s3', { id: 'rights', include: ['Many'] });
    };
    assert.equal((await create(undefined)).status, 401);
    assert.equal((await create('made-up')).status, 401);
    const refused = await create('other-key');
    assert.equal(refused.status, 403, refused.text);
    assert.match(refused.json.error[0].message, /does not let this caller read/);
    assert.equal((await service.get('/v1/export/s3/client-2')).status, 403);
    service.key = ADMIN;
    assert.equal((await service.get('/v1/export/s3/client-2')).status, 200);
  });
});
