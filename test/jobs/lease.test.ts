import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLease } from '../../src/jobs/lease.ts';
import { FileStore } from '../../src/stores/file/store.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import type { Capabilities, Store } from '../../src/stores/store.ts';

const key = '_sluice/nightly/lease.json';
const options = (holder: string, ttl = 60_000) => ({ holder, ttl, about: 'export of repo', settle: 5 });

/** The same objects through a store that has no conditional put or delete. */
function unconditional(store: Store): Store {
  const capabilities: Capabilities = {
    ...store.capabilities,
    putIfAbsent: false,
    putIfMatch: false,
    deleteIfMatch: false,
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'capabilities') return capabilities;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list()) keys.push(...page.objects.map((object) => object.key));
  return keys;
}

for (const [name, make] of [
  ['with conditional puts', () => new MemoryStore()],
  ['without conditional puts', () => unconditional(new MemoryStore())],
] as const) {
  describe(`a lease on a store ${name}`, () => {
    test('keeps a second job away until it is released, and says who holds it', async () => {
      const store = make();
      const hold = await acquireLease(store, key, options('job-1'));
      await assert.rejects(acquireLease(store, key, options('job-2')), {
        code: 'LEASED',
        message: /job-1 \(export of repo\) on host \S+, process \d+, since \d{4}-.*expires at \d{4}-/,
      });
      await hold.renew();
      await assert.rejects(acquireLease(store, key, options('job-2')), { code: 'LEASED' });
      await hold.release();
      assert.deepEqual(await keysOf(store), []);
      await (await acquireLease(store, key, options('job-2'))).release();
    });

    test('is free again when its holder is silent for the time it asked for', async () => {
      const store = make();
      const dead = await acquireLease(store, key, options('job-1', 30));
      await sleep(60);
      const hold = await acquireLease(store, key, options('job-2'));
      await assert.rejects(dead.renew(), { code: 'LEASED', message: /job-2/ });
      await dead.release();
      await hold.renew();
      assert.deepEqual(await keysOf(store), [key]);
    });

    test('passes to the same job when it goes on elsewhere', async () => {
      const store = make();
      const before = await acquireLease(store, key, options('job-1'));
      const now = await acquireLease(store, key, options('job-1'));
      await assert.rejects(before.renew(), { code: 'LEASED' });
      await now.renew();
    });

    test('does not pass to another job of the same id', async () => {
      const store = make();
      const hold = await acquireLease(store, key, { ...options('job-1'), begun: 1000 });
      await assert.rejects(acquireLease(store, key, { ...options('job-1'), begun: 2000 }), {
        code: 'LEASED',
      });
      await hold.renew();
      await acquireLease(store, key, { ...options('job-1'), begun: 1000 });
    });

    test('is taken again when someone removed the object', async () => {
      const store = make();
      const hold = await acquireLease(store, key, options('job-1'));
      await store.delete(key);
      await hold.renew();
      await assert.rejects(acquireLease(store, key, options('job-2')), { code: 'LEASED' });
    });

    test('of many that come at once, one gets it', async () => {
      const store = make();
      const all = await Promise.allSettled(
        Array.from({ length: 8 }, (_, i) => acquireLease(store, key, options(`job-${i}`))),
      );
      assert.equal(all.filter((result) => result.status === 'fulfilled').length, 1);
    });
  });
}

test('a process that died on this machine keeps nobody waiting', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-lease-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = `
    import { acquireLease } from ${JSON.stringify(join(import.meta.dirname, '../../src/jobs/lease.ts'))};
    import { FileStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/stores/file/store.ts'))};
    await acquireLease(new FileStore(${JSON.stringify(folder)}), ${JSON.stringify(key)}, { holder: 'job-1', ttl: 600_000, about: 'x', settle: 5 });
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(child.signal, 'SIGKILL', child.stderr);
  const store = new FileStore(folder);
  const lease = await acquireLease(store, key, options('job-2'));
  await assert.rejects(acquireLease(store, key, options('job-3')), { code: 'LEASED', message: /job-2/ });
  await lease.release();
});
