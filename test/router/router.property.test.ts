import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRouting } from '../../src/router/mapping.ts';
import { createRouter } from '../../src/router/router.ts';
import { readAll } from '../../src/stores/read.ts';
import type { ListOptions, Store } from '../../src/stores/store.ts';
import fc from '../property.ts';
import { listed, Model, type ModelRule, memoryOpener } from './model.ts';

const STORES = 3;

// Few letters, so that prefixes meet; and those whose order differs between UTF-8 and UTF-16.
const token = fc.constantFrom('a', 'b', '/', '/', '-', '0', '.', '\uFFFD', '😀');
const name = (minLength: number, maxLength: number) =>
  fc.array(token, { minLength, maxLength }).map((tokens) => tokens.join(''));
const key = name(1, 6);

const rule: fc.Arbitrary<ModelRule> = fc.record({
  prefix: name(0, 4),
  store: fc.nat(STORES - 1),
  target: fc.oneof(fc.constant(''), name(0, 3)),
});

type Operation =
  | { do: 'put' | 'delete' | 'get' | 'multipart'; key: string; text: string }
  | { do: 'behind'; store: number; key: string; text: string }
  | { do: 'copy' | 'rename'; key: string; to: string }
  | { do: 'deleteMany'; keys: string[] }
  | { do: 'deleteUnder'; prefix: string };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('put' as const), key, text: fc.string({ maxLength: 3 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('behind' as const),
      store: fc.nat(STORES - 1),
      key,
      text: fc.string({ maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('delete' as const, 'get' as const, 'multipart' as const),
      key,
      text: fc.string({ maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('copy' as const, 'rename' as const), key, to: key }),
  },
  fc.record({ do: fc.constant('deleteMany' as const), keys: fc.array(key, { maxLength: 5 }) }),
  fc.record({ do: fc.constant('deleteUnder' as const), prefix: name(0, 2) }),
);

const listing: fc.Arbitrary<ListOptions> = fc.record({
  prefix: fc.option(name(0, 4), { nil: undefined }),
  delimiter: fc.option(fc.constantFrom('/', '/', '/', '-', 'ab', '--', '/-/'), { nil: undefined }),
  startAfter: fc.option(name(1, 5), { nil: undefined }),
  pageSize: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
});

async function setUp(rules: readonly ModelRule[], whole: ModelRule, pageSize: number) {
  const uriOf = ({ store, target }: ModelRule) => `memory://s${store}/${target}`;
  const config = checkRouting({
    mappings: rules.map((each) => ({ replace: `v://bucket/${each.prefix}`, with: uriOf(each) })),
    defaults: { v: { with: 'memory://' } },
  });
  // The default keeps the bucket's name, so its store is the one called so.
  const open = memoryOpener({ size: pageSize });
  const router = createRouter(config, (uri, options) =>
    open(uri.replace('memory://bucket/', `memory://s${whole.store}/`), options),
  );
  const model = new Model([...rules, { prefix: '', store: whole.store, target: '' }], STORES);
  const bucket = await router.bucket('v', 'bucket');
  for (let i = 0; i < STORES; i++) await open(`memory://s${i}/`);
  return { model, bucket, stores: open.stores };
}

const textOf = async (store: Store, at: string): Promise<string> =>
  String(await readAll((await store.get(at)).body));

async function apply(
  each: Operation,
  { model, bucket, stores }: Awaited<ReturnType<typeof setUp>>,
): Promise<void> {
  switch (each.do) {
    case 'behind':
      await stores.get(`s${each.store}`)!.put(each.key, Buffer.from(each.text));
      model.stores[each.store]!.set(each.key, each.text);
      return;
    case 'put':
      assert.equal((await bucket.put(each.key, Buffer.from(each.text))).key, each.key);
      model.put(each.key, each.text);
      return;
    case 'delete':
      await bucket.delete(each.key);
      model.delete(each.key);
      return;
    case 'get':
      await compareObject(each.key, model, bucket);
      return;
    case 'multipart': {
      const uploads = bucket.multipart!;
      const id = await uploads.create(each.key);
      const pending = await uploads.listUploads({});
      // Two mappings to one place show one upload twice, so there may be more.
      assert.ok(pending.uploads.some((upload) => upload.key === each.key && upload.uploadId === id));
      const first = await uploads.uploadPart(each.key, id, 1, Buffer.from(`${each.text}1`));
      const second = await uploads.uploadPart(each.key, id, 2, Buffer.from('2'));
      assert.equal((await uploads.listParts(each.key, id)).parts.length, 2);
      assert.equal((await uploads.complete(each.key, id, [first, second])).key, each.key);
      model.put(each.key, `${each.text}12`);
      return;
    }
    case 'copy':
    case 'rename': {
      const content = model.get(each.key);
      if (content === undefined) {
        await assert.rejects(bucket.copyFrom(bucket, each.key, each.to), { code: 'NOT_FOUND' });
        return;
      }
      assert.equal((await bucket.copyFrom(bucket, each.key, each.to)).key, each.to);
      model.put(each.to, content);
      if (each.do === 'rename') {
        await bucket.delete(each.key);
        model.delete(each.key);
      }
      return;
    }
    case 'deleteMany':
      assert.deepEqual(await bucket.deleteMany(each.keys), []);
      for (const one of each.keys) model.delete(one);
      return;
    case 'deleteUnder': {
      const keys: string[] = [];
      for await (const page of bucket.list({ prefix: each.prefix })) {
        keys.push(...page.objects.map((object) => object.key));
      }
      assert.deepEqual(await bucket.deleteMany(keys), []);
      for (const one of model.keys()) if (one.startsWith(each.prefix)) model.delete(one);
    }
  }
}

async function compareObject(at: string, model: Model, bucket: Store): Promise<void> {
  const content = model.get(at);
  if (content === undefined) {
    await assert.rejects(bucket.get(at), { code: 'NOT_FOUND' });
    await assert.rejects(bucket.head(at), { code: 'NOT_FOUND' });
    return;
  }
  assert.equal(await textOf(bucket, at), content);
  const info = await bucket.head(at);
  assert.deepEqual([info.key, info.size], [at, Buffer.byteLength(content)]);
}

/** As clients of a gateway page: one page for each request, which begins after the last entry of the one before. */
async function paged(bucket: Store, options: ListOptions): Promise<string[]> {
  const entries: string[] = [];
  let { startAfter } = options;
  for (;;) {
    let page: string[] = [];
    for await (const { objects, prefixes } of bucket.list({ ...options, startAfter })) {
      page = [...objects.map((object) => `=${object.key}`), ...prefixes.map((each) => `>${each}`)];
      page.sort((a, b) => Buffer.compare(Buffer.from(a.slice(1)), Buffer.from(b.slice(1))));
      if (page.length > 0) break;
    }
    if (page.length === 0) return entries;
    entries.push(...page);
    startAfter = page.at(-1)!.slice(1);
  }
}

test('a router shows what a simple model shows, under any mappings and operations', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { maxLength: 6 }),
      rule,
      fc.integer({ min: 1, max: 5 }),
      fc.array(operation, { minLength: 1, maxLength: 25 }),
      fc.array(listing, { minLength: 4, maxLength: 10 }),
      async (rules, whole, pageSize, operations, listings) => {
        const world = await setUp(rules, whole, pageSize);
        for (const each of operations) await apply(each, world);
        const { model, bucket, stores } = world;
        for (const [i, expected] of model.stores.entries()) {
          assert.deepEqual(
            (await listed(stores.get(`s${i}`)!, {})).map((entry) => entry.slice(1)).sort(),
            [...expected.keys()].sort(),
          );
        }
        assert.deepEqual(await listed(bucket, {}), model.list({}));
        for (const each of model.keys()) await compareObject(each, model, bucket);
        for (const options of listings) {
          const expected = model.list(options);
          assert.deepEqual(await listed(bucket, options), expected);
          assert.deepEqual(await paged(bucket, options), expected);
        }
      },
    ),
    { numRuns: Number(process.env.SLUICE_TEST_RUNS ?? 400), endOnFailure: false },
  );
});
