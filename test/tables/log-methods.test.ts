import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { readAll } from '../../src/stores/read.ts';
import type { ExportResult, Method, TableTarget } from '../../src/tables/method.ts';
import { copy } from '../../src/tables/methods/copy/copy.ts';
import { native } from '../../src/tables/methods/native/native.ts';
import { exportRequest, memoryTarget, methodContext } from '../support/delta/context.ts';
import { deltaRows, expectedRows } from '../support/delta/rows.ts';
import { CountingStore, SampleLake } from '../support/delta/sample-lake.ts';

const lake = new SampleLake();
after(() => lake[Symbol.dispose]());
const elsewhere = (uri: string) => lake.bytes(uri);

for (const method of [native, copy])
  describe(`method ${method.name}`, () => {
    for (const [table, commit] of [
      ['orders', 'c1'],
      ['orders', 'c2'],
      ['users', 'c1'],
      ['v2', 'c1'],
      ['plain', 'c1'],
    ] as const) {
      it(`gives exactly the rows of ${table} at ${commit}`, async () => {
        const target = memoryTarget();
        const source = await lake.source(table, lake[commit]);
        const { exported, written } = await method.export(exportRequest(source, target), methodContext());
        assert.ok(written);
        assert.equal(exported.targetVersion, 0);
        const rows = expectedRows(table, commit);
        assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), rows);
        assert.equal(exported.totals.records, rows.length);
      });
    }

    it('carries only the difference in the next version, and keeps the one before', async () => {
      const target = memoryTarget();
      const first = await method.export(
        exportRequest(await lake.source('orders', lake.c1), target),
        methodContext(),
      );
      const second = await method.export(
        exportRequest(await lake.source('orders', lake.c2), target, first.exported),
        methodContext(),
      );
      assert.equal(second.exported.targetVersion, 1);
      assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), expectedRows('orders', 'c2'));
      await target.store.delete(`${target.root}_delta_log/00000000000000000001.json`);
      assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), expectedRows('orders', 'c1'));
    });
  });

/** Exports plain at a commit, after an earlier export if there was one. */
async function exportPlain(
  method: Method,
  commit: string,
  target: TableTarget,
  earlier?: ExportResult,
  options: object = {},
) {
  const source = await lake.source('plain', commit);
  return await method.export(exportRequest(source, target, earlier?.exported, options), methodContext());
}

describe('what a new commit costs and carries', () => {
  for (const method of [native, copy]) {
    it(`${method.name}: one more file is a few requests, and the log says only that`, async () => {
      const store = new CountingStore('memory://target');
      const target = memoryTarget(store);
      const first = await exportPlain(method, lake.c2, target);
      const next = lake.appendToPlain(lake.c2);
      const source = await lake.store(next);
      for (const counted of [lake.requests, store.requests, source.requests]) counted.length = 0;
      const second = await exportPlain(method, next, target, first);
      assert.deepEqual([second.counts.added, second.counts.removed], [1, 0]);
      assert.equal(second.exported.totals.records, 75);
      const requests = [...lake.requests, ...store.requests, ...source.requests];
      assert.ok(requests.length <= 8, requests.join('\n'));
      assert.equal((await deltaRows(store, target.root, elsewhere)).length, 75);
    });

    it(`${method.name}: the same commit again writes nothing`, async () => {
      const target = memoryTarget();
      const first = await exportPlain(method, lake.c2, target);
      assert.equal((await exportPlain(method, lake.c2, target, first)).written, false);
      // Without what an earlier run knew: the log itself tells.
      const anew = await exportPlain(method, lake.c2, target);
      assert.equal(anew.written, false);
      assert.deepEqual(anew.exported.totals, first.exported.totals);
    });

    it(`${method.name}: a branch that goes back takes the target back, in a new version`, async () => {
      const target = memoryTarget();
      const ahead = await exportPlain(method, lake.appendToPlain(lake.c2), target);
      const back = await exportPlain(method, lake.c2, target, ahead);
      assert.equal(back.exported.targetVersion, 1);
      assert.deepEqual(back.counts.removed, 1);
      assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), expectedRows('plain', 'c1'));
    });

    it(`${method.name}: another content under an old name is noticed, and old versions keep theirs`, async () => {
      const target = memoryTarget();
      const path = lake.files(lake.c2).find((file) => /plain\/part-00001-.*parquet$/.test(file.path))!.path;
      const first = await exportPlain(method, lake.c2, target);
      const changed = Buffer.from(lake.read(lake.c2, path));
      // A byte of the file's own label, so that it stays readable.
      changed.write('spark', changed.lastIndexOf('parquet-mr'));
      const next = lake.commit(lake.c2, { [path]: changed });
      const second = await exportPlain(method, next, target, first);
      assert.equal(second.written, true);
      assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), expectedRows('plain', 'c1'));
      const again = await exportPlain(method, next, target);
      assert.deepEqual([again.written, again.counts.objects ?? 0], [false, 0]);
      await target.store.delete(`${target.root}_delta_log/00000000000000000001.json`);
      assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), expectedRows('plain', 'c1'));
    });
  }

  it('a log that another writer touched is left as it is', async () => {
    const target = memoryTarget();
    const first = await exportPlain(native, lake.c2, target);
    const theirs = `${target.root}_delta_log/00000000000000000001.json`;
    const line = { commitInfo: { timestamp: 1, operation: 'OPTIMIZE', engineInfo: 'Apache-Spark/4.0.1' } };
    await target.store.put(theirs, Buffer.from(`${JSON.stringify(line)}\n`));
    const next = lake.appendToPlain(lake.c2);
    for (const earlier of [first, undefined]) {
      await assert.rejects(exportPlain(native, next, target, earlier), (error) => {
        assert.ok(isError(error, 'CONFLICT'));
        assert.match(error.message, /Version 1 of .* is not from Sluice.*Apache-Spark/);
        return true;
      });
    }
  });

  it('two processes at once: one version is written, the other is told', async () => {
    const target = memoryTarget();
    const ends = await Promise.allSettled([
      exportPlain(native, lake.c2, target),
      exportPlain(native, lake.c2, target),
    ]);
    const failed = ends.filter((end) => end.status === 'rejected');
    assert.ok(failed.every((end) => isError(end.reason, 'CONFLICT')));
    assert.deepEqual(await deltaRows(target.store, target.root, elsewhere), expectedRows('plain', 'c1'));
  });

  it('a store without conditional puts: what is there is looked for before and read back after', async () => {
    class Plain extends CountingStore {
      override readonly capabilities = { ...new MemoryStore().capabilities, putIfAbsent: false };
    }
    const target = memoryTarget(new Plain('memory://plain'));
    const first = await exportPlain(native, lake.c2, target);
    const second = await exportPlain(native, lake.appendToPlain(lake.c2), target, first);
    assert.equal(second.exported.targetVersion, 1);
    assert.ok(second.exported.targetTag);
    // Another process was faster: its version is not overwritten.
    const key = `${target.root}_delta_log/00000000000000000002.json`;
    await target.store.put(key, Buffer.from('{"commitInfo":{"engineInfo":"other"}}'));
    await assert.rejects(exportPlain(native, lake.appendToPlain(lake.c2), target, second), (error) =>
      isError(error, 'CONFLICT'),
    );
    assert.match(String(await readAll((await target.store.get(key)).body)), /other/);
  });

  it('a log that names a file which the commit lacks, or has in another size, is refused', async () => {
    const path = lake.files(lake.c2).find((file) => /plain\/part-00001-.*parquet$/.test(file.path))!.path;
    const lacking = lake.commit(lake.c2, { [path]: null });
    await assert.rejects(
      exportPlain(native, lacking, memoryTarget()),
      /names the file .* which is not in commit/,
    );
    const shorter = lake.commit(lake.c2, { [path]: 'short' });
    await assert.rejects(
      exportPlain(copy, shorter, memoryTarget()),
      /says that .* bytes; in the commit it has 5/,
    );
  });

  it('copy moves only what the target lacks', async () => {
    const target = memoryTarget();
    await exportPlain(copy, lake.c2, target);
    lake.requests.length = 0;
    await exportPlain(copy, lake.appendToPlain(lake.c2), target);
    assert.equal(lake.requests.filter((request) => request === 'carry').length, 1);
  });
});

describe('a log that grows', () => {
  /** Exports so many commits, each adding a file and every third taking one away. */
  const grow = async (method: Method, target: TableTarget, options: object) => {
    let commit = lake.c2;
    let result = await exportPlain(method, commit, target, undefined, options);
    for (let i = 1; i <= 24; i++) {
      const at = commit;
      commit = i % 3 === 0 ? lake.c2 : lake.appendToPlain(at);
      result = await exportPlain(method, commit, target, result, options);
    }
    return { result, commit };
  };
  const names = async (target: TableTarget) => {
    const found: string[] = [];
    for await (const { objects } of target.store.list({ prefix: target.root })) {
      found.push(...objects.map(({ key }) => key.slice(target.root.length)));
    }
    return found;
  };

  it('has a checkpoint every ten versions that reads as the versions it stands for', async () => {
    const target = memoryTarget();
    await grow(native, target, {});
    const all = await names(target);
    const checkpoints = all.filter((name) => name.includes('.checkpoint.'));
    assert.equal(checkpoints.length, 2);
    assert.equal((await deltaRows(target.store, target.root, elsewhere)).length, 50);
    for (const name of all) {
      if (/_delta_log\/0*([0-9]|1[0-9])\.json$/.test(name)) await target.store.delete(target.root + name);
    }
    assert.equal((await deltaRows(target.store, target.root, elsewhere)).length, 50);
  });

  it('forgets what retention allows, and never a file that a kept version needs', async () => {
    const target = memoryTarget();
    await grow(copy, target, { retentionDays: 0 });
    const all = await names(target);
    const versions = all.filter((name) => /\d\.json$/.test(name)).map((name) => Number(name.slice(11, 31)));
    assert.ok(versions.length < 25 && Math.min(...versions) > 0, versions.join());
    const kept = await names(await readable(target));
    assert.deepEqual(kept, all);
  });

  /** Checks that every kept version can be read whole. */
  const readable = async (target: TableTarget): Promise<TableTarget> => {
    const all = await names(target);
    const versions = all.filter((name) => /\d\.json$/.test(name)).sort();
    const first = Math.max(
      0,
      ...all
        .filter((name) => name.includes('.checkpoint.'))
        .map((name) => Number(name.slice(11, 31)))
        .slice(0, 1),
    );
    for (const last of versions.filter((name) => Number(name.slice(11, 31)) >= first)) {
      const view = memoryTarget();
      for (const name of all) {
        if (name.startsWith('_delta_log/') && (name > last || name.endsWith('_last_checkpoint'))) {
          const isCheckpoint = name.startsWith(last.slice(0, 31)) && name.includes('.checkpoint.');
          if (!isCheckpoint) continue;
        }
        await view.store.copyFrom(target.store, target.root + name, view.root + name);
      }
      await deltaRows(view.store, view.root, elsewhere);
    }
    return target;
  };
});
