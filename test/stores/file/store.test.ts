import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileStore } from '../../../src/stores/file/store.ts';
import { hashObject } from '../../../src/stores/hash.ts';
import { fails, fill, listed, md5, patterned, text } from '../../contracts/store/subject.ts';
import { storeContract } from '../../contracts/store.ts';

const folders: string[] = [];
const temporary = async (): Promise<string> => {
  folders.push(await mkdtemp(join(tmpdir(), 'sluice-file-')));
  return folders.at(-1)!;
};
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

storeContract('FileStore', async () => ({ store: new FileStore(await temporary()) }), {
  showsModified: true,
  knowsMd5: false,
});

describe('FileStore', () => {
  let root: string;
  let store: FileStore;
  beforeEach(async () => {
    root = await temporary();
    store = new FileStore(root);
  });

  it('writes keys as plain files and leaves nothing else', async () => {
    await fill(store, ['a/b c/%41.txt', 'a/😀', 'top']);
    await store.close();
    assert.deepEqual((await readdir(root, { recursive: true })).sort(), [
      'a',
      'a/b c',
      'a/b c/%41.txt',
      'a/😀',
      'top',
    ]);
  });

  it('escapes only what a file system cannot hold, as the documentation says', async () => {
    await fill(store, ['a', 'a/b', 'dir/', 'x//y', '../up', '100%/../.', 'e.%object', '.sluice-tmp/z']);
    await store.close();
    const names = (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
    assert.deepEqual(names.sort(), [
      '...%folder/up',
      '.sluice-tmp.%folder/z',
      '100%/...%folder/..%object',
      'a.%object',
      'a/b',
      'dir/.%object',
      'e.%25object.%object',
      'x/.%folder/y',
    ]);
    const again = new FileStore(root);
    for (const key of (await listed(again)).keys) assert.equal(await text(again, key), key);
    assert.equal((await listed(again)).keys.length, 8);
  });

  it('reads a folder that it did not write, without its links, pipes and names of no meaning', async () => {
    await mkdir(join(root, 'empty/below'), { recursive: true });
    await mkdir(join(root, 'data'));
    await writeFile(join(root, 'data/file'), 'content');
    await writeFile(join(root, 'data/strange.%folder'), 'no object');
    await symlink(join(root, 'data'), join(root, 'link'));
    spawnSync('mkfifo', [join(root, 'pipe')]);
    assert.deepEqual((await listed(store)).keys, ['data/file']);
    assert.deepEqual((await listed(store, { delimiter: '/' })).prefixes, ['data/']);
    await fails(store.get('pipe'), 'NOT_FOUND');
  });

  it('does not leave its root through links or dots', async () => {
    const outside = await temporary();
    await writeFile(join(outside, 'secret'), 'secret');
    await symlink(outside, join(root, 'out'));
    await symlink(join(outside, 'secret'), join(root, 'file'));
    await fails(store.get('out/secret'), 'ACCESS_DENIED');
    await fails(store.head('out/secret'), 'ACCESS_DENIED');
    await fails(store.put('out/new', Buffer.from('x')), 'ACCESS_DENIED');
    await fails(store.put('out/deep/new', Buffer.from('x')), 'ACCESS_DENIED');
    await fails(store.delete('out/secret'), 'ACCESS_DENIED');
    await fails(store.get('file'), 'ACCESS_DENIED');
    await fails(store.get(`../${outside.split('/').pop()}/secret`), 'NOT_FOUND');
    assert.deepEqual((await listed(store, { prefix: 'out/' })).keys, []);
    assert.deepEqual(await readdir(outside), ['secret']);
    await store.put('file', Buffer.from('mine'));
    assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
  });

  it('works in a root that is itself a link, and makes a root that is not there', async () => {
    const link = join(await temporary(), 'link');
    await symlink(root, link);
    await new FileStore(link, { sync: true }).put('a/b', Buffer.from('x'));
    assert.equal(await text(store, 'a/b'), 'x');
    const fresh = new FileStore(join(root, 'not/yet'));
    await fails(listed(fresh), 'NOT_FOUND');
    await fails(fresh.head('a'), 'NOT_FOUND');
    await fresh.put('a', Buffer.from('x'));
    assert.deepEqual((await listed(fresh)).keys, ['a']);
  });

  it('puts and deletes in the same folders at once, from two stores', async () => {
    const stores = [store, new FileStore(root)];
    const work = async (worker: number) => {
      for (let i = 0; i < 40; i++) {
        const key = `d${i % 3}/e/${worker}`;
        await stores[worker % 2]!.put(key, Buffer.from(key));
        assert.equal(await text(stores[(worker + 1) % 2]!, key), key);
        await stores[(worker + 1) % 2]!.delete(key);
      }
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map(work));
    for (const each of stores) await each.close();
    assert.deepEqual(await readdir(root), []);
  });

  it('keeps an object readable while a folder takes its name', async () => {
    for (let i = 0; i < 20; i++) {
      await store.put(`n${i}`, Buffer.from('object'));
      const reads = Array.from({ length: 5 }, () => text(store, `n${i}`));
      await store.put(`n${i}/below`, Buffer.from('below'));
      assert.deepEqual(new Set(await Promise.all(reads)), new Set(['object']));
    }
  });

  it('copies from another folder and notices a source that changed', async () => {
    const other = new FileStore(await temporary());
    await other.put('a', Buffer.from('content'), { modified: 1_500_000_000_123 });
    const info = await store.copyFrom(other, 'a', 'b', { modified: 1_400_000_000_456 });
    assert.equal(info.modified, 1_400_000_000_456);
    assert.equal((await store.head('b')).modified, 1_400_000_000_456);
    await symlink(join(root, 'b'), join(root, 'link'));
    await fails(store.copyFrom(store, 'link', 'c'), 'NOT_FOUND');
  });

  it('fails with CORRUPT when a file shrinks while it is read', async () => {
    await store.put('shrinking', patterned(3_000_000));
    const { body } = await store.get('shrinking');
    const read = async () => {
      for await (const _ of body) await writeFile(join(root, 'shrinking'), 'short');
    };
    await fails(read(), 'CORRUPT');
  });

  it('hashes any object by reading it', async () => {
    const bytes = patterned(700_000);
    await store.put('object', bytes);
    assert.deepEqual(await hashObject(store, 'object'), { md5: md5(bytes), size: bytes.length });
  });

  it('shows nothing of a put that was killed, and clears its remains away later', async () => {
    const script = `
      const { FileStore } = await import('${import.meta.dirname}/../../../src/stores/file/store.ts');
      const { Readable } = await import('node:stream');
      const body = async function* () { for (;;) { yield Buffer.alloc(65536); console.log('x'); await new Promise(setImmediate); } };
      await new FileStore(process.argv[1]).put('killed', Readable.from(body()));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, root]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    assert.deepEqual((await listed(store)).keys, []);
    const [left] = await readdir(join(root, '.sluice-tmp'));
    assert.ok(left, 'a temporary file is left');
    await store.put('a', Buffer.from('x'));
    await store.close();
    assert.ok(existsSync(join(root, '.sluice-tmp', left)), 'it may belong to a run that goes on');
    const later = new FileStore(root, { keepUnfinished: 0 });
    await later.put('b', Buffer.from('x'));
    await later.close();
    assert.deepEqual((await readdir(root)).sort(), ['a', 'b']);
  });

  it('removes what a killed process left of an upload in parts, and not one that goes on', async () => {
    const id = await store.multipart!.create('large');
    await store.multipart!.uploadPart('large', id, 1, Buffer.from('x'));
    const soon = new FileStore(root, { keepUnfinished: 60_000 });
    await soon.put('a', Buffer.from('x'));
    assert.equal((await readdir(join(root, '.sluice-tmp'))).length, 1);
    await sleep(5);
    const later = new FileStore(root, { keepUnfinished: 0 });
    await later.put('b', Buffer.from('x'));
    assert.deepEqual(await readdir(join(root, '.sluice-tmp')), []);
  });

  it('says NO_SPACE when the disk is full, and frees what it took', async (t) => {
    const script = `
      const { FileStore } = await import('${import.meta.dirname}/../../../src/stores/file/store.ts');
      const { readdirSync } = await import('node:fs');
      const store = new FileStore(process.argv[1]);
      await store.put('small', Buffer.alloc(1000));
      const error = await store.put('large', Buffer.alloc(3_000_000)).catch((e) => e);
      console.log(JSON.stringify({ code: error.code, message: error.message, left: readdirSync(process.argv[1] + '/.sluice-tmp') }));
      await store.put('after', Buffer.alloc(500_000));`;
    const mounted = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" --input-type=module -e "$3" "$1"';
    const run = spawnSync('unshare', ['-rm', 'sh', '-c', mounted, 'sh', root, process.execPath, script], {
      encoding: 'utf8',
    });
    if (run.status !== 0 && /unshare|mount/.test(run.stderr + run.error)) return t.skip('no tmpfs here');
    assert.equal(run.status, 0, run.stderr);
    const { code, message, left } = JSON.parse(run.stdout);
    assert.equal(code, 'NO_SPACE');
    assert.match(message, /large in .*disk is full/);
    assert.deepEqual(left, []);
  });

  it('says ACCESS_DENIED where it may not write', async (t) => {
    await mkdir(join(root, 'closed'));
    await chmod(join(root, 'closed'), 0o500);
    await chmod(root, 0o777);
    const script = `
      if (process.getuid() === 0) process.setuid(65534);
      const { FileStore } = await import('${import.meta.dirname}/../../../src/stores/file/store.ts');
      const error = await new FileStore(process.argv[1]).put('closed/a', Buffer.alloc(1)).catch((e) => e);
      console.log(error.code, error.message);`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, root], {
      encoding: 'utf8',
    });
    if (/ERR_MODULE_NOT_FOUND|EACCES.*src/.test(run.stderr))
      return t.skip('the checkout is closed to others');
    assert.match(run.stdout, /^ACCESS_DENIED closed\/a in .* check owner and permissions/);
  });
});
