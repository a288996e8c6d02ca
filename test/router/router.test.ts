import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connectionsOf } from '../../src/base/connections.ts';
import { parseRouting } from '../../src/router/load.ts';
import { checkRouting } from '../../src/router/mapping.ts';
import { createRouter } from '../../src/router/router.ts';
import { routingOfSection } from '../../src/router/section.ts';
import { StoreError } from '../../src/stores/errors.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { type OpenStore, storeOpener } from '../../src/stores/open.ts';
import { storeProviders } from '../../src/stores/providers.ts';
import { readAll } from '../../src/stores/read.ts';
import type { Store } from '../../src/stores/store.ts';
import { listed, memoryOpener } from './model.ts';

const put = (store: Store, key: string, text = key) => store.put(key, Buffer.from(text));
const text = async (store: Store, key: string) => String(await readAll((await store.get(key)).body));

describe('buckets and prefixes', () => {
  test('a mapping may end inside the name of a bucket, and takes all buckets that begin so', async () => {
    const open = memoryOpener();
    const router = createRouter(
      checkRouting({
        mappings: [{ replace: 's3a://team', with: 'memory://lake-team' }],
        defaults: { s3a: { with: 'memory://' } },
      }),
      open,
    );
    await put(await router.bucket('s3a', 'team'), 'a');
    await put(await router.bucket('s3a', 'team2'), 'b/c');
    await put(await router.bucket('s3a', 'tea'), 'd');
    assert.deepEqual([...open.stores.keys()].sort(), ['lake-team', 'lake-team2', 'tea']);
    assert.deepEqual(await listed(open.stores.get('lake-team2')!, {}), ['=b/c']);
  });

  test('a whole scheme may lie in one bucket', async () => {
    const open = memoryOpener();
    const router = createRouter(
      checkRouting({ mappings: [{ replace: 'gcs://', with: 'memory://all/' }] }),
      open,
    );
    await put(await router.bucket('gcs', 'one'), 'a');
    await put(await router.bucket('GCS', 'two'), 'b');
    assert.deepEqual(await listed(open.stores.get('all')!, {}), ['=one/a', '=two/b']);
    await assert.rejects(router.bucket('s3', 'one'), { code: 'BAD_URI' });
  });

  test('a target without a bucket takes it from the key', async () => {
    const open = memoryOpener();
    const config = checkRouting({
      mappings: [{ replace: 's3a://bucket/all/', with: 'memory://' }],
      defaults: { s3a: { with: 'memory://', connection: 'm' } },
      connections: [{ name: 'm', type: 'memory' }],
    });
    const blind = await createRouter(config, open).bucket('s3a', 'bucket');
    await put(blind, 'all/one/a');
    await put(blind, 'all/one/b/c');
    await put(blind, 'all/one-more/d');
    await put(blind, 'before');
    await put(blind, 'zoo');
    assert.equal(await text(blind, 'all/one/b/c'), 'all/one/b/c');
    assert.deepEqual(await listed(open.stores.get('one')!, {}), ['=a', '=b/c']);
    assert.deepEqual(await listed(blind, { prefix: 'all/one/', delimiter: '/' }), [
      '=all/one/a',
      '>all/one/b/',
    ]);
    await assert.rejects(listed(blind, {}), { code: 'UNSUPPORTED', message: /names no bucket/ });
    await assert.rejects(put(blind, 'all/one'), { code: 'BAD_KEY' });
    await assert.rejects(blind.get('all/'), { code: 'BAD_KEY' });

    const seeing = await createRouter(config, open, {
      async *containers(uri) {
        for (const name of ['one', 'one-more', 'bucket']) {
          if (`memory://${name}/`.startsWith(uri)) yield `memory://${name}`;
        }
      },
    }).bucket('s3a', 'bucket');
    assert.deepEqual(await listed(seeing, { startAfter: 'all/bucket/zoo' }), [
      '=all/one-more/d',
      '=all/one/a',
      '=all/one/b/c',
      '=before',
      '=zoo',
    ]);
    assert.deepEqual(await listed(seeing, { prefix: 'all/one', delimiter: '/' }), [
      '>all/one-more/',
      '>all/one/',
    ]);
  });

  test('visible buckets are those that mappings name, and those of a default that can be listed', async () => {
    const config = checkRouting({
      mappings: [
        { replace: 's3a://b/x/', with: 'memory://m/' },
        { replace: 's3a://a/', with: 'memory://m/' },
        { replace: 's3a://half-a-na', with: 'memory://m/' },
        { replace: 'gs://c/', with: 'memory://m/' },
      ],
      defaults: { s3a: { with: 'memory://' }, gs: { with: 'memory://' } },
    });
    const open = memoryOpener();
    assert.deepEqual(await createRouter(config, open).buckets(), [
      { scheme: 'gs', bucket: 'c' },
      { scheme: 's3a', bucket: 'a' },
      { scheme: 's3a', bucket: 'b' },
    ]);
    const router = createRouter(config, open, {
      async *containers() {
        yield* ['memory://z', 'memory://b'];
      },
    });
    assert.deepEqual(
      (await router.buckets('s3a')).map(({ bucket }) => bucket),
      ['a', 'b', 'z'],
    );
  });

  test('a default that has no such bucket does not hide what is mapped, and is named where it is needed', async () => {
    const stores = memoryOpener();
    const open: OpenStore = async (uri) => {
      const location = await stores(uri);
      if (uri.startsWith('memory://gone/')) {
        location.store.list = async function* () {
          yield* [] as never[];
          throw new StoreError('NOT_FOUND', 'There is no bucket gone.', { store: 'memory://gone' });
        };
      }
      return location;
    };
    const router = createRouter(
      checkRouting({
        mappings: [{ replace: 's3a://gone/raw/', with: 'memory://lake/' }],
        defaults: { s3a: { with: 'memory://' }, gs: { with: 'memory://' } },
      }),
      open,
    );
    const bucket = await router.bucket('s3a', 'gone');
    await put(bucket, 'raw/a');
    assert.deepEqual(await listed(bucket, {}), ['=raw/a']);
    assert.deepEqual(await listed(bucket, { delimiter: '/' }), ['>raw/']);
    await assert.rejects(listed(await router.bucket('gs', 'gone'), {}), { code: 'NOT_FOUND' });
  });

  test('a target out of reach fails its own keys only, and is tried again', async () => {
    const stores = memoryOpener();
    let down = true;
    const open: OpenStore = async (uri) => {
      if (down && uri.startsWith('memory://lake/')) {
        throw new StoreError('CONNECTION', 'lake does not answer.', { store: 'memory://lake' });
      }
      return stores(uri);
    };
    const router = createRouter(
      checkRouting({
        mappings: [{ replace: 's3a://b/raw/', with: 'memory://lake/main/' }],
        defaults: { s3a: { with: 'memory://' }, lake: { with: 'memory://lake/' } },
      }),
      open,
    );
    const bucket = await router.bucket('s3a', 'b');
    await put(bucket, 'a');
    assert.deepEqual(await listed(bucket, { prefix: 'a' }), ['=a']);
    await assert.rejects(put(bucket, 'raw/a'), { code: 'CONNECTION' });
    await assert.rejects(listed(bucket, {}), { code: 'CONNECTION' });
    await assert.rejects(router.bucket('lake', 'x'), { code: 'CONNECTION' });
    down = false;
    await put(bucket, 'raw/a');
    assert.deepEqual(await listed(bucket, {}), ['=a', '=raw/a']);
    await put(await router.bucket('lake', 'x'), 'y');
  });

  test('a target that goes away keeps its own keys from being deleted, and no others', async () => {
    const open = memoryOpener();
    const router = createRouter(
      checkRouting({
        mappings: [{ replace: 's3a://b/raw/', with: 'memory://lake/main/' }],
        defaults: { s3a: { with: 'memory://' } },
      }),
      open,
    );
    const bucket = await router.bucket('s3a', 'b');
    for (const key of ['a', 'raw/a', 'raw/b', 'z']) await put(bucket, key);
    const lake = open.stores.get('lake')!;
    lake.deleteMany = async () => {
      throw new StoreError('CONNECTION', 'lake does not answer.', { store: lake.name });
    };
    const failures = await bucket.deleteMany(['a', 'raw/a', 'raw/b', 'z']);
    assert.deepEqual(
      failures.map(({ key, error }) => [key, (error as StoreError).code]),
      [
        ['raw/a', 'CONNECTION'],
        ['raw/b', 'CONNECTION'],
      ],
    );
    assert.deepEqual(await listed(bucket, {}), ['=raw/a', '=raw/b']);
    await assert.rejects(bucket.deleteMany(['raw/a']), { code: 'CONNECTION' });
  });
});

describe('listings', () => {
  test('leave out the marker of the folder that a whole bucket lies in', async () => {
    const open = memoryOpener();
    const bucket = await createRouter(
      checkRouting({ mappings: [{ replace: 's3a://', with: 'memory://m/x/' }] }),
      open,
    ).bucket('s3a', 'b');
    for (const key of ['x/b/', 'x/b/a', 'x/b']) await put(open.stores.get('m')!, key);
    assert.deepEqual(await listed(bucket, {}), ['=a']);
    assert.deepEqual(await listed(bucket, { delimiter: '/' }), ['=a']);
  });

  test('jump over what a mapping hides, and stop at the end of the page that was asked for', async () => {
    const open = memoryOpener();
    const bucket = await createRouter(
      checkRouting({
        mappings: [{ replace: 's3a://b/raw/', with: 'memory://lake/main/' }],
        defaults: { s3a: { with: 'memory://' } },
      }),
      open,
    ).bucket('s3a', 'b');
    const old = open.stores.get('b')!;
    for (let i = 0; i < 3000; i++) await old.put(`raw/${i}`, Buffer.alloc(0));
    for (const key of ['a', 'raw/seen', 'z']) await put(bucket, key);
    let pages = 0;
    for (const store of open.stores.values()) {
      const list = store.list.bind(store);
      store.list = async function* (options) {
        for await (const page of list({ ...options, pageSize: Math.min(options?.pageSize ?? 100, 100) })) {
          pages++;
          yield page;
        }
      };
    }
    assert.deepEqual(await listed(bucket, {}), ['=a', '=raw/seen', '=z']);
    assert.ok(pages <= 4, `${pages} pages were read for three keys`);
    pages = 0;
    for await (const page of bucket.list({ prefix: 'raw/' })) {
      assert.equal(page.objects.length, 1);
      break;
    }
    assert.equal(pages, 1);
  });
});

describe('copies across targets', () => {
  test('stream with their properties where the targets cannot copy, and end in CORRUPT when bytes get lost', async () => {
    const open = memoryOpener();
    const router = createRouter(
      checkRouting({
        mappings: [{ replace: 's3a://b/raw/', with: 'memory://lake/' }],
        defaults: { s3a: { with: 'memory://' } },
      }),
      open,
    );
    const bucket = await router.bucket('s3a', 'b');
    const bytes = Buffer.alloc(300_000, 'sluice');
    const etag = (await bucket.put('a', bytes, { contentType: 'text/x', metadata: { k: 'v' } })).etag;
    assert.equal(bucket.canCopyFrom(bucket), false);
    const copy = await bucket.copyFrom(bucket, 'a', 'raw/a', { sourceIfMatch: etag, ifNoneMatch: '*' });
    assert.equal(copy.md5, createHash('md5').update(bytes).digest('hex'));
    const { contentType, metadata } = await bucket.head('raw/a');
    assert.deepEqual([contentType, metadata], ['text/x', { k: 'v' }]);
    await assert.rejects(bucket.copyFrom(bucket, 'a', 'raw/a', { ifNoneMatch: '*' }), {
      code: 'PRECONDITION_FAILED',
    });
    await assert.rejects(bucket.copyFrom(bucket, 'a', 'raw/b', { sourceIfMatch: 'other' }), {
      code: 'PRECONDITION_FAILED',
    });
    const source = open.stores.get('b')!;
    const get = source.get.bind(source);
    source.get = async (key, options) => {
      const content = await get(key, options);
      return { ...content, body: (await get(key, { range: { start: 1 } })).body };
    };
    await assert.rejects(bucket.copyFrom(bucket, 'a', 'raw/c'), { code: 'CORRUPT' });
    await assert.rejects(bucket.head('raw/c'), { code: 'NOT_FOUND' });
  });

  test('go through this process when the provider denies what its stores promised', async () => {
    const open = memoryOpener();
    const router = createRouter(
      checkRouting({
        mappings: [{ replace: 's3a://b/raw/', with: 'memory://lake/' }],
        defaults: { s3a: { with: 'memory://' } },
      }),
      open,
    );
    const bucket = await router.bucket('s3a', 'b');
    const lake = open.stores.get('lake')!;
    lake.canCopyFrom = () => true;
    lake.copyFrom = async () => {
      throw new StoreError('ACCESS_DENIED', 'These credentials read one side only.', { store: lake.name });
    };
    lake.multipart.copyPart = lake.copyFrom as never;
    await put(bucket, 'a', 'content');
    await bucket.copyFrom(bucket, 'a', 'raw/a');
    assert.equal(await text(bucket, 'raw/a'), 'content');
    const upload = await bucket.multipart!.create('raw/b');
    const part = await bucket.multipart!.copyPart!('raw/b', upload, 1, bucket, 'a', {
      range: { start: 1, end: 3 },
    });
    await bucket.multipart!.complete('raw/b', upload, [part]);
    assert.equal(await text(bucket, 'raw/b'), 'ont');
  });
});

test('an upload belongs to its target, and a part may be copied from another', async () => {
  const open = memoryOpener();
  const routing = (to: string) =>
    createRouter(
      checkRouting({
        mappings: [{ replace: 's3a://b/raw/', with: to }],
        defaults: { s3a: { with: 'memory://' } },
      }),
      open,
    ).bucket('s3a', 'b');
  const bucket = await routing('memory://lake/');
  await put(bucket, 'source', '0123456789');
  const id = await bucket.multipart!.create('raw/a');
  const again = await routing('memory://lake/');
  const part = await again.multipart!.copyPart!('raw/a', id, 1, bucket, 'source', {
    range: { start: 2, end: 5 },
  });
  assert.equal(part.size, 4);
  const elsewhere = await routing('memory://other/');
  await assert.rejects(elsewhere.multipart!.complete('raw/a', id, [part]), { code: 'NOT_FOUND' });
  await assert.rejects(again.multipart!.complete('source', id, [part]), { code: 'NOT_FOUND' });
  await elsewhere.multipart!.abort('raw/a', id);
  await again.multipart!.complete('raw/a', id, [part]);
  assert.equal(await text(bucket, 'raw/a'), '2345');
});

test('uploads of several targets are listed as one, page by page', async () => {
  const open = memoryOpener();
  const router = createRouter(
    checkRouting({
      mappings: [
        { replace: 's3a://b/m/x', with: 'memory://one/x' },
        { replace: 's3a://b/m/', with: 'memory://two/deep/' },
      ],
      defaults: { s3a: { with: 'memory://' } },
    }),
    open,
  );
  const { multipart } = await router.bucket('s3a', 'b');
  const expected: string[] = [];
  for (const key of ['a', 'm/a', 'm/x1', 'm/x1', 'm/x2', 'm/y', 'z']) {
    expected.push(`${key} ${await multipart!.create(key)}`);
  }
  await open.stores.get('two')!.multipart.create('deep/x-hidden');
  await open.stores.get('two')!.multipart.create('not-mapped');
  const found: string[] = [];
  let more = true;
  let after = {};
  while (more) {
    const page = await multipart!.listUploads({ ...after, limit: 2 });
    for (const { key, uploadId } of page.uploads) {
      found.push(`${key} ${uploadId}`);
      after = { afterKey: key, afterUploadId: uploadId };
    }
    more = page.more;
  }
  assert.deepEqual([...found].sort(), [...expected].sort());
  assert.deepEqual(
    found.map((each) => each.split(' ')[0]),
    expected.map((each) => each.split(' ')[0]),
  );
  const { uploads } = await multipart!.listUploads({ prefix: 'm/x' });
  assert.equal(uploads.length, 3);
});

describe('explain', () => {
  const router = createRouter(
    parseRouting(
      [
        'routerfs.mapping.s3a.1.replace=s3a://bucket/raw/hot/',
        'routerfs.mapping.s3a.1.with=minio://fast/',
        'routerfs.mapping.s3a.2.replace=s3a://bucket/raw/',
        'routerfs.mapping.s3a.2.with=lakefs://repo/main/',
        'routerfs.mapping.s3a.3.replace=s3a://bucket/raw/late/',
        'routerfs.mapping.s3a.3.with=minio://late/',
        'routerfs.mapping.gs.1.replace=gs://x/',
        'routerfs.mapping.gs.1.with=minio://y/',
        'routerfs.default.fs.s3a=S3AFileSystem',
        'routerfs.default.fs.gs=S3AFileSystem',
        'fs.minio.impl=S3AFileSystem',
      ].join('\n'),
      'r.properties',
      {},
    ),
    memoryOpener(),
  );

  test('says which mapping takes a URI, what was tried before and why not, and where it goes', () => {
    const { mapping, tried, ...found } = router.explain('S3A://bucket/raw/late/x');
    assert.equal(mapping?.name, 's3a.2');
    assert.deepEqual(
      tried.map(({ mapping: each, why }) => [each.name, why]),
      [['s3a.1', 'the prefix s3a://bucket/raw/hot/ goes on with "hot/" where the URI has "late/x"']],
    );
    assert.deepEqual(
      [found.target, found.opened, found.connection],
      ['lakefs://repo/main/late/x', 'lakefs://repo/main/late/x', 'lakefs'],
    );
    assert.deepEqual(
      found.shadowed.map(({ name }) => name),
      ['s3a.3'],
    );
  });

  test('says so for the default, and for a URI that is not routed', () => {
    const found = router.explain('s3a://other/x');
    assert.equal(found.mapping, undefined);
    assert.equal(found.tried.length, 3);
    assert.deepEqual([found.target, found.opened], ['s3a-default://other/x', 's3://other/x']);
    assert.match(router.explain('s3a://bucket/ra').tried[0]!.why, /the URI ends before/);
    assert.throws(() => router.explain('abfs://c/x'), { code: 'BAD_URI' });
  });
});

test('check asks every target with its own credentials, and writes when it is asked to', async () => {
  const stores = memoryOpener();
  const open: OpenStore = async (uri) => {
    if (uri.startsWith('memory://denied/')) {
      const error = new StoreError('ACCESS_DENIED', 'Access to denied was refused.', {
        store: 'memory://denied',
      });
      const store = Object.assign(new MemoryStore(), {
        async *list() {
          yield* [] as never[];
          throw error;
        },
      });
      return { store, path: '', uri };
    }
    return stores(uri);
  };
  await put((await stores('memory://lake/')).store, 'main/x');
  const router = createRouter(
    checkRouting({
      mappings: [
        { replace: 's3a://b/one/', with: 'memory://lake/main/' },
        { replace: 's3a://b/two/', with: 'memory://denied/' },
        { replace: 's3a://b/three/', with: 'memory://empty/x' },
      ],
      defaults: { s3a: { with: 'memory://' } },
    }),
    open,
  );
  const checks = await router.check({ write: true });
  assert.deepEqual(
    checks.map(({ name, result, code }) => [name, result, code]),
    [
      ['mapping 1', 'ok', undefined],
      ['mapping 2', 'failed', 'ACCESS_DENIED'],
      ['mapping 3', 'ok', undefined],
      ['default of s3a://', 'ok', undefined],
    ],
  );
  assert.match(checks[1]!.message, /refused.*Check the credentials/);
  assert.match(checks[2]!.message, /empty/);
  assert.deepEqual(await listed(stores.stores.get('empty')!, {}), []);
});

test('sluice.yaml: mappings in the order written, default by connection, folders and memory as targets', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-router-'));
  const connections = [
    { name: 'disk', type: 'file', root: folder },
    { name: 'ram', type: 'memory' },
  ];
  const config = routingOfSection(
    {
      mappings: [
        { scheme: 's3a', replace: 's3a://old/z/', with: 'fast://ram/z/', connection: 'ram' },
        { replace: 's3a://old/a/', with: 's3a://renamed/a/' },
      ],
      default: { s3a: 'disk' },
      clients: [
        {
          name: 'spark',
          access_key: 'AK',
          secret_key: 'SK',
          allow: [{ prefix: 's3a://old/', rights: 'rwd' }],
        },
      ],
    },
    connections,
  );
  const open = storeOpener(await storeProviders(), connectionsOf(config.connections, config.use));
  try {
    const router = createRouter(config, open);
    const bucket = await router.bucket('s3a', 'old');
    for (const key of ['z/1', 'a/2', 'b c/3']) await put(bucket, key);
    assert.deepEqual(await listed(bucket, {}), ['=a/2', '=b c/3', '=z/1']);
    const { store } = await open(`file://${folder}/`, { connection: 'disk' });
    assert.deepEqual(await listed(store, {}), ['=old/b c/3', '=renamed/a/2']);
    assert.equal(router.explain('s3a://old/a/2').opened, `file://${folder}/renamed/a/2`);
    assert.equal(config.clients[0]?.allow[0]?.delete, true);
  } finally {
    await open.close();
    await rm(folder, { recursive: true });
  }
  assert.throws(() => routingOfSection({ mappings: [{ replace: 's3a://x/', with: '' }] }, []), {
    message: /gateway\.mappings\[0\]: The target of the mapping/,
  });
  assert.throws(
    () => routingOfSection({ mappings: [{ scheme: 'gs', replace: 's3a://x/', with: 's3://y/' }] }, []),
    {
      message: /is for gs:\/\/ and replaces s3a/,
    },
  );
});

test('a folder that a mapping names is empty until the first write makes it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-router-'));
  const config = checkRouting({
    mappings: [{ replace: 's3a://data/', with: `file://${folder}/not/yet/` }],
    defaults: { s3a: { with: 'memory://' } },
  });
  const open = storeOpener(await storeProviders(), connectionsOf([], {}));
  try {
    const router = createRouter(config, open);
    const [check] = await router.check();
    assert.deepEqual([check?.result, /first write makes it/.test(check?.message ?? '')], ['ok', true]);
    const bucket = await router.bucket('s3a', 'data');
    assert.deepEqual(await listed(bucket, {}), []);
    await assert.rejects(bucket.head('x'), { code: 'NOT_FOUND' });
    await put(bucket, 'deep/x');
    assert.deepEqual(await listed(bucket, {}), ['=deep/x']);
    assert.equal(await text(bucket, 'deep/x'), 'deep/x');
  } finally {
    await open.close();
    await rm(folder, { recursive: true });
  }
});
