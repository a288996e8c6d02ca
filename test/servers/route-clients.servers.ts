/**
 * Real clients, as they come, on one gateway: what they write under `lake/cold/` lands in a folder, under
 * `lake/versioned/` on a branch of a lake that keeps its bytes in MinIO, the rest in MinIO itself, and
 * `gs://old-gs-bucket` in another bucket of it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { openStores } from '../../src/app.ts';
import { connectionsOf } from '../../src/base/connections.ts';
import { createSampleLake } from '../../src/demo/lake/sample.ts';
import { createRoutedGateway, gatewayConnections } from '../../src/gateway/routed.ts';
import { checkRouting } from '../../src/router/mapping.ts';
import { createRouter } from '../../src/router/router.ts';
import { parseS3Connection } from '../../src/stores/s3/settings.ts';
import { S3Store } from '../../src/stores/s3/store.ts';
import { startMinio } from './harness.ts';
import { CACHE, installed } from './install.ts';

const run = promisify(execFile);
const accessKey = 'AKSPARK';
const secretKey = 'secret-of-spark';

const minio = await startMinio({ buckets: ['hot', 'gs-moved', 'blocks'] });
const minioConnection = {
  name: 'minio',
  type: 's3',
  endpoint: minio.endpoint,
  region: minio.region,
  path_style: true,
  trailing_checksums: true,
  access_key_id: minio.accessKeyId,
  secret_access_key: minio.secretAccessKey,
};
const blocks = new S3Store(parseS3Connection(minioConnection), 'blocks');
const lake = await createSampleLake({ repository: 'repo', blocks, root: 's3://blocks' });
const folder = mkdtempSync(join(tmpdir(), 'sluice-route-'));
for (const name of ['cold', '2022', '2023']) mkdirSync(join(folder, name));
const config = checkRouting({
  mappings: [
    { replace: 's3a://lake/cold/', with: `file://${folder}/cold/` },
    { replace: 's3a://lake/table/year=2023/', with: `file://${folder}/2023/` },
    { replace: 's3a://lake/warehouse/db/events/data/year=2022/', with: `file://${folder}/2022/` },
    { replace: 's3a://lake/versioned/', with: 'lakefs://repo/main/' },
    { replace: 's3a://lake/', with: 'minio://hot/' },
    { replace: 'gs://old-gs-bucket/', with: 'minio://gs-moved/' },
  ],
  defaults: { s3a: { with: 'minio://' }, gs: { with: 'minio://' } },
  connections: [
    minioConnection,
    {
      name: 'lakefs',
      type: 'lakefs',
      endpoint: lake.url,
      access_key_id: lake.server.accessKeyId,
      secret_access_key: lake.server.secretAccessKey,
    },
  ],
  use: { 'minio://': 'minio', 'lakefs://': 'lakefs' },
  clients: [
    {
      name: 'spark',
      accessKey,
      secretKey,
      allow: ['s3a://', 'gs://'].map((prefix) => ({ prefix, read: true, write: true, delete: true })),
    },
  ],
});
const connections = gatewayConnections(config.connections);
const open = await openStores(connectionsOf(connections, config.use));
const gateway = createRoutedGateway(createRouter({ ...config, connections }, open), {
  listen: [{ scheme: 's3a', host: '127.0.0.1', port: 0 }],
  schemes: { 'old-gs-bucket': 'gs' },
});
const [address] = await gateway.listen();
const endpoint = `http://127.0.0.1:${address!.port}`;
after(async () => {
  await gateway.close(0);
  await open.close();
  await lake.close();
  await blocks.close();
  await minio.stop();
  await rm(folder, { recursive: true, force: true });
});

const env = {
  ...process.env,
  ENDPOINT: endpoint,
  IVY: join(CACHE, 'ivy'),
  TMPDIR: folder,
  HOME: folder,
  AWS_ACCESS_KEY_ID: accessKey,
  AWS_SECRET_ACCESS_KEY: secretKey,
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
};

async function command(program: string, args: string[], more: Record<string, string> = {}): Promise<string> {
  const options = { env: { ...env, ...more }, cwd: folder, timeout: 1_800_000, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await run(program, args, options).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(
      `${program} ${args.join(' ')}\n${error.stdout.slice(-2000)}\n${error.stderr.slice(-6000)}`,
    );
  });
  return stdout;
}

async function script(name: string): Promise<void> {
  const output = await command(await installed('python'), [join(import.meta.dirname, 'route', `${name}.py`)]);
  assert.match(output, /done\s*$/);
}

/** The keys under a prefix, where they really are. */
async function keysIn(uri: string, connection?: string): Promise<string[]> {
  const { store, path } = await open(uri, connection === undefined ? {} : { connection });
  const keys: string[] = [];
  for await (const page of store.list({ prefix: path }))
    keys.push(...page.objects.map(({ key }) => key.slice(path.length)));
  return keys;
}

const staged = (prefix: string) =>
  [...lake.repository.branch('main').staged.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
const hot = (prefix: string) => keysIn(`s3://hot/${prefix}`, 'minio');
const cold = (prefix: string) => keysIn(`file://${folder}/cold/${prefix}`);

it('boto3', async () => {
  await script('boto');
  assert.deepEqual(await hot('boto/'), ['CRC32']);
  assert.deepEqual(await cold('boto/'), ['CRC32']);
});

it('the AWS CLI', async () => {
  const aws = join(dirname(await installed('python')), 'aws');
  const cli = (...args: string[]) => command(aws, ['--endpoint-url', endpoint, ...args]);
  writeFileSync(join(folder, 'big'), Buffer.alloc(17 * 1024 * 1024, 'cli'));
  for (const root of ['s3://lake/cli', 's3://lake/cold/cli']) {
    await cli('s3', 'cp', '--quiet', 'big', `${root}/big`);
    await cli('s3', 'cp', '--quiet', `${root}/big`, `${root}/copy`);
    await cli('s3', 'cp', '--quiet', `${root}/copy`, 'back');
    assert.ok((await readFile(join(folder, 'back'))).equals(await readFile(join(folder, 'big'))));
    await cli('s3', 'mv', '--quiet', `${root}/copy`, `${root}/moved`);
    assert.match(await cli('s3', 'ls', `${root}/`), /17825792 big\n.*17825792 moved\n$/s);
    await cli('s3', 'rm', '--quiet', '--recursive', `${root}/`);
    await cli('s3', 'cp', '--quiet', 'big', `${root}/last`);
  }
  assert.match(await cli('s3', 'ls'), / lake\n/);
  assert.deepEqual(await hot('cli/'), ['last']);
  assert.deepEqual(await cold('cli/'), ['last']);
});

it('rclone', async () => {
  const rclone = await installed('rclone');
  const remote = `:s3,provider=Other,endpoint="${endpoint}",access_key_id=${accessKey},secret_access_key=${secretKey},upload_cutoff=6M,chunk_size=5M:`;
  const source = mkdtempSync(join(folder, 'rclone-'));
  for (let i = 0; i < 20; i++) writeFileSync(join(source, `file ${i}`), `content ${i}`);
  writeFileSync(join(source, 'big'), Buffer.alloc(12 * 1024 * 1024, 'rclone'));
  for (const root of ['lake/rclone', 'lake/cold/rclone']) {
    await command(rclone, ['sync', source, `${remote}${root}`]);
    await command(rclone, ['check', '--download', source, `${remote}${root}`]);
    await command(rclone, ['moveto', `${remote}${root}/big`, `${remote}${root}/sub/bigger`]);
    await command(rclone, ['deletefile', `${remote}${root}/file 7`]);
    const listed = await command(rclone, ['lsf', '-R', '--files-only', `${remote}${root}`]);
    assert.equal(listed.trim().split('\n').length, 20);
    await command(rclone, ['sync', source, `${remote}${root}`]);
  }
  assert.equal((await hot('rclone/')).length, 21);
  assert.equal((await cold('rclone/')).length, 21);
});

it('PyArrow', async () => {
  await script('arrow');
  for (const keys of [await hot('arrow/'), await cold('arrow/')]) {
    assert.deepEqual(keys.filter((key) => key.includes('.') || key === 'moved').sort(), [
      'moved',
      'one.parquet',
    ]);
  }
});

it('DuckDB', async () => {
  await script('duck');
  assert.equal((await hot('duck/')).length, 5);
  assert.equal((await cold('duck/')).length, 5);
});

it('delta-rs', async () => {
  await script('deltars');
  for (const keys of [await hot('deltars/'), await cold('deltars/')]) {
    assert.ok(keys.includes('_delta_log/00000000000000000001.json'), keys.join(' '));
  }
});

it('Iceberg by pyiceberg', async () => {
  await script('iceberg');
  for (const keys of [await hot('iceberg/'), await cold('iceberg/'), staged('iceberg/')]) {
    assert.ok(keys.some((key) => /^data\/year=2023\/.*\.parquet$/.test(key)));
    assert.ok(keys.some((key) => /^metadata\/.*\.metadata\.json$/.test(key)));
  }
});

it('clients that write in parts to a branch of a lake, past its server', async () => {
  lake.server.recording = true;
  await script('lake');
  assert.ok(staged('deltars/_delta_log/').includes('00000000000000000001.json'));
  const through = lake.server.requests.filter(
    ({ method, path }) => method === 'POST' && /\/objects\?/.test(path),
  );
  assert.deepEqual(through, []);
});

it('Iceberg by its Spark runtime', { timeout: 1_800_000 }, async () => {
  await script('iceberg_spark');
  const files = await hot('warehouse/db/events/');
  assert.ok(files.includes('metadata/version-hint.text'), files.join(' '));
  // What was deleted is gone with its snapshots, in both stores.
  const partitions = new Set(files.filter((key) => key.endsWith('.parquet')).map((key) => key.split('/')[1]));
  assert.deepEqual([...partitions], ['year=2023']);
  const moved = (await keysIn(`file://${folder}/2022/`)).filter((key) => key.endsWith('.parquet'));
  assert.ok(moved.length > 0);
});

it('Spark with S3A', { timeout: 1_800_000 }, async () => {
  await script('spark');
  const parquet = (keys: string[]) => keys.filter((key) => key.endsWith('.parquet'));
  const years = new Set(parquet(await hot('table/')).map((key) => key.split('/')[0]));
  assert.deepEqual([...years], ['year=2022']);
  assert.ok(parquet(await keysIn(`file://${folder}/2023/`)).length > 0);
  assert.ok(parquet(await keysIn('s3://gs-moved/events/', 'minio')).length > 0);
  assert.ok((await hot('delta/_delta_log/')).includes('00000000000000000002.json'));
  assert.ok((await hot('committed/magic/')).includes('_SUCCESS'));
  assert.equal((await hot('')).filter((key) => key.includes('__magic')).length, 0);
});
