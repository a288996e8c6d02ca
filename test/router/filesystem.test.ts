import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  FileAlreadyExists,
  FileNotFound,
  InvalidPath,
  ParentNotDirectory,
  PathIsDirectory,
  PathIsNotEmptyDirectory,
  RenameFailed,
  UnsupportedOperation,
} from '../../src/router/filesystem/errors.ts';
import { FileSystem } from '../../src/router/filesystem/filesystem.ts';
import { checkRouting } from '../../src/router/mapping.ts';
import { createRouter } from '../../src/router/router.ts';
import { StoreError } from '../../src/stores/errors.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { readAll } from '../../src/stores/read.ts';
import { memoryOpener } from './model.ts';

const ROOT = 's3a://old';

/** s3a://old/raw/… lies in the store `lake` under main/, s3a://old/raw/hot… in `fast`; all else in `old`. */
function fileSystem() {
  const open = memoryOpener();
  const config = checkRouting({
    mappings: [
      { replace: 's3a://old/raw/hot', with: 'memory://fast/hot' },
      { replace: 's3a://old/raw/', with: 'memory://lake/main/' },
    ],
    defaults: { s3a: { with: 'memory://' } },
  });
  const fs = FileSystem.overRouter(createRouter(config, open), { scheme: 's3a', bucket: 'old' });
  return { fs, stores: open.stores };
}

async function write(fs: FileSystem, path: string, content = path): Promise<void> {
  const file = await fs.create(path);
  file.write(content);
  await file.close();
}

async function read(fs: FileSystem, path: string): Promise<string> {
  const file = await fs.open(path);
  const text = String(await readAll(await file.stream()));
  await file.close();
  return text;
}

const names = async (fs: FileSystem, path: string): Promise<string[]> =>
  (await fs.listStatus(path)).map((status) => status.path + (status.isDirectory ? '/' : ''));

const keysOf = async (store: MemoryStore | undefined): Promise<string[]> => {
  const keys: string[] = [];
  for await (const page of store?.list() ?? []) keys.push(...page.objects.map(({ key }) => key));
  return keys;
};

describe('a file', () => {
  test('is written to the target that its path is mapped to, and read back', async () => {
    const { fs, stores } = fileSystem();
    await write(fs, `${ROOT}/raw/a b/%41#?.txt`, 'content');
    assert.equal(await read(fs, `${ROOT}/raw/a b/%41#?.txt`), 'content');
    assert.equal(await read(fs, '/raw//a b/./x/../%41#?.txt/'), 'content');
    assert.deepEqual(await keysOf(stores.get('lake')), ['main/a b/%41#?.txt']);
    const { modified, etag, ...status } = await fs.getFileStatus('/raw/a b/%41#?.txt');
    assert.deepEqual(status, { path: `${ROOT}/raw/a b/%41#?.txt`, isDirectory: false, length: 7 });
    assert.ok(modified && etag);
  });

  test('appears when its writer is closed, and not when that is destroyed', async () => {
    const { fs } = fileSystem();
    const file = await fs.create('/a');
    file.write('half');
    assert.equal(await fs.exists('/a'), false);
    file.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await fs.exists('/a'), false);
    await write(fs, '/a', '');
    assert.equal(await read(fs, '/a'), '');
  });

  test('is not overwritten without being asked to, even when another came first', async () => {
    const { fs } = fileSystem();
    const late = await fs.create('/a', { overwrite: false });
    await write(fs, '/a', 'first');
    await assert.rejects(fs.create('/a', { overwrite: false }), FileAlreadyExists);
    late.write('late');
    await assert.rejects(late.close(), FileAlreadyExists);
    assert.equal(await read(fs, '/a'), 'first');
    await write(fs, '/a', 'second');
    assert.equal(await read(fs, '/a'), 'second');
  });

  test('cannot be where a directory is, nor opened when it is one', async () => {
    const { fs } = fileSystem();
    await write(fs, '/dir/a');
    await assert.rejects(fs.create('/dir'), PathIsDirectory);
    await assert.rejects(fs.create('/'), PathIsDirectory);
    await assert.rejects(fs.open('/dir'), PathIsDirectory);
    await assert.rejects(fs.open('/nothing'), FileNotFound);
  });

  test('is read at any position, forward in growing pieces, and only as it was when opened', async () => {
    const { fs } = fileSystem();
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
    const out = await fs.create('/raw/big');
    for (let at = 0; at < content.length; at += 10_000) out.write(content.subarray(at, at + 10_000));
    assert.equal((await out.close()).size, 300_000);
    const file = await fs.open('/raw/big');
    assert.equal(file.length, 300_000);
    const buffer = Buffer.alloc(1000);
    for (const position of [0, 299_500, 1234, 65_000, 65_536, 250_000]) {
      const count = await file.read(position, buffer);
      assert.ok(buffer.subarray(0, count).equals(content.subarray(position, position + 1000)));
    }
    assert.equal(await file.read(300_000, buffer), 0);
    file.seek(299_999);
    assert.equal(await file.readNext(buffer), 1);
    assert.equal(await file.readNext(buffer), 0);
    assert.throws(() => file.seek(300_001), { code: 'RANGE_NOT_SATISFIABLE' });
    assert.equal((await readAll(await file.stream(299_990))).length, 10);
    const all = Buffer.alloc(300_000);
    assert.equal(await file.read(0, all), 300_000);
    assert.ok(all.equals(content));
    const old = await fs.open('/raw/big');
    await write(fs, '/raw/big', 'another');
    await assert.rejects(old.read(200_000, buffer), { code: 'PRECONDITION_FAILED' });
    await file.close();
    await assert.rejects(file.read(0, buffer), /closed/);
  });

  test('is appended to where the store can', async () => {
    const { fs } = fileSystem();
    await write(fs, '/raw/log', 'one ');
    const file = await fs.append('/raw/log');
    file.write('two');
    assert.equal(await read(fs, '/raw/log'), 'one ');
    await file.close();
    assert.equal(await read(fs, '/raw/log'), 'one two');
    await assert.rejects(fs.append('/raw/none'), FileNotFound);

    const race = await fs.append('/raw/log');
    race.write('lost');
    await write(fs, '/raw/log', 'newer');
    await assert.rejects(race.close(), { code: 'PRECONDITION_FAILED' });
    assert.equal(await read(fs, '/raw/log'), 'newer');

    const withoutUploads = new MemoryStore();
    Object.defineProperty(withoutUploads, 'multipart', { value: undefined });
    const plain = FileSystem.overStore(withoutUploads);
    await write(plain, '/main/log', 'x');
    await assert.rejects(plain.append('/main/log'), UnsupportedOperation);

    // One target of several.
    const { fs: mixed, stores } = fileSystem();
    await write(mixed, '/raw/log', 'x');
    await write(mixed, '/raw/hot', 'x');
    Object.defineProperty(stores.get('fast'), 'multipart', { value: undefined });
    await (await mixed.append('/raw/log')).close();
    await assert.rejects(mixed.append('/raw/hot'), UnsupportedOperation);
  });
});

describe('a directory', () => {
  test('is made, listed, empty, and stays when the last file in it goes', async () => {
    const { fs, stores } = fileSystem();
    assert.equal(await fs.mkdirs('/raw/x/y'), true);
    assert.equal(await fs.mkdirs('/raw/x/y/'), true);
    assert.deepEqual(await keysOf(stores.get('lake')), ['main/x/y/']);
    assert.deepEqual(await fs.listStatus('/raw/x/y'), []);
    assert.deepEqual(await names(fs, '/raw/x'), [`${ROOT}/raw/x/y/`]);
    assert.equal((await fs.getFileStatus('/raw/x')).isDirectory, true);
    await write(fs, '/raw/z/file');
    assert.equal(await fs.delete('/raw/z/file'), true);
    assert.equal((await fs.getFileStatus('/raw/z')).isDirectory, true);
    assert.equal(await fs.delete('/raw/z/file'), false);
  });

  test('is not made below or instead of a file', async () => {
    const { fs } = fileSystem();
    await write(fs, '/a/file');
    await assert.rejects(fs.mkdirs('/a/file'), FileAlreadyExists);
    await assert.rejects(fs.mkdirs('/a/file/x/y'), ParentNotDirectory);
  });

  test('shows what is mapped into it, in order, and not what the mapping hides', async () => {
    const { fs, stores } = fileSystem();
    await write(fs, '/raw-data/1');
    await write(fs, '/raw/table/1');
    await write(fs, '/raw/hot1/2');
    await write(fs, '/zoo');
    await stores.get('old')!.put('raw/hidden/old-copy', Buffer.from('x'));
    await stores.get('lake')!.put('main/hot9/hidden', Buffer.from('x'));
    assert.deepEqual(await names(fs, '/'), [`${ROOT}/raw-data/`, `${ROOT}/raw/`, `${ROOT}/zoo`]);
    assert.deepEqual(await names(fs, '/raw'), [`${ROOT}/raw/hot1/`, `${ROOT}/raw/table/`]);
    assert.deepEqual(await names(fs, '/zoo'), [`${ROOT}/zoo`]);
    await assert.rejects(fs.listStatus('/raw/hidden'), FileNotFound);
    await assert.rejects(fs.getFileStatus('/raw/hot9'), FileNotFound);
  });

  test('is deleted with what is visible in it, across targets, and nothing else', async () => {
    const { fs, stores } = fileSystem();
    await write(fs, '/raw/table/1');
    await write(fs, '/raw/hot1/2');
    await stores.get('old')!.put('raw/hidden', Buffer.from('x'));
    await stores.get('lake')!.put('elsewhere', Buffer.from('x'));
    await stores.get('lake')!.put('main/hot1/hidden', Buffer.from('x'));
    await assert.rejects(fs.delete('/raw'), PathIsNotEmptyDirectory);
    assert.equal(await fs.delete('/raw', true), true);
    assert.deepEqual(await keysOf(stores.get('lake')), ['elsewhere', 'main/hot1/hidden']);
    assert.deepEqual(await keysOf(stores.get('fast')), []);
    assert.deepEqual(await keysOf(stores.get('old')), ['raw/hidden']);
    assert.equal(await fs.delete('/raw', true), false);
    assert.equal(await fs.delete('/', true), false);
  });

  test('is summed up', async () => {
    const { fs } = fileSystem();
    await fs.mkdirs('/raw/empty/deep');
    await write(fs, '/raw/a', '12');
    await write(fs, '/raw/hot/x/b', '345');
    await write(fs, '/raw/hot/y/c', '6');
    assert.deepEqual(await fs.getContentSummary('/raw'), { length: 6, fileCount: 3, directoryCount: 6 });
    assert.deepEqual(await fs.getContentSummary('/raw/a'), { length: 2, fileCount: 1, directoryCount: 0 });
    await assert.rejects(fs.getContentSummary('/none'), FileNotFound);
  });
});

describe('rename', () => {
  test('moves a file inside a target and across targets', async () => {
    const { fs, stores } = fileSystem();
    await write(fs, '/raw/a', 'content');
    await fs.mkdirs('/dir');
    assert.equal(await fs.rename('/raw/a', '/raw/b'), true);
    assert.equal(await fs.rename('/raw/b', '/dir/c'), true);
    assert.equal(await read(fs, '/dir/c'), 'content');
    assert.deepEqual(await keysOf(stores.get('lake')), ['main/']);
    assert.deepEqual(await keysOf(stores.get('old')), ['dir/', 'dir/c']);
  });

  test('moves a directory with what is visible, across targets', async () => {
    const { fs, stores } = fileSystem();
    await write(fs, '/raw/t/1', 'one');
    await write(fs, '/raw/t/s/2', 'two');
    await write(fs, '/raw/hotter/3', 'three');
    await stores.get('old')!.put('raw/hidden', Buffer.from('x'));
    assert.equal(await fs.rename('/raw', '/moved'), true);
    assert.equal(await read(fs, '/moved/t/s/2'), 'two');
    assert.equal(await read(fs, '/moved/hotter/3'), 'three');
    assert.equal(await fs.exists('/raw'), false);
    assert.deepEqual(await keysOf(stores.get('lake')), []);
    assert.deepEqual(await keysOf(stores.get('fast')), []);
    assert.deepEqual(await keysOf(stores.get('old')), [
      'moved/hotter/3',
      'moved/t/1',
      'moved/t/s/2',
      'raw/hidden',
    ]);
  });

  test('goes into a directory that exists, under its own name', async () => {
    const { fs } = fileSystem();
    await write(fs, '/a', 'a');
    await write(fs, '/d/x', 'x');
    await write(fs, '/raw/to/y', 'y');
    assert.equal(await fs.rename('/a', '/raw/to'), true);
    assert.equal(await fs.rename('/d', '/raw/to'), true);
    assert.deepEqual(await names(fs, '/raw/to'), [
      `${ROOT}/raw/to/a`,
      `${ROOT}/raw/to/d/`,
      `${ROOT}/raw/to/y`,
    ]);
    await write(fs, '/y', 'y2');
    await assert.rejects(fs.rename('/y', '/raw/to'), FileAlreadyExists);
    await assert.rejects(fs.rename('/y', '/raw/to/y'), FileAlreadyExists);
    assert.equal(await fs.rename('/y', '/'), true);
  });

  test('refuses what cannot be', async () => {
    const { fs } = fileSystem();
    await write(fs, '/a', 'a');
    await write(fs, '/d/x', 'x');
    await assert.rejects(fs.rename('/none', '/b'), FileNotFound);
    await assert.rejects(fs.rename('/a', '/no/parent'), FileNotFound);
    await assert.rejects(fs.rename('/a', '/d/x/y'), ParentNotDirectory);
    await assert.rejects(fs.rename('/d', '/d/e'), RenameFailed);
    await assert.rejects(fs.rename('/', '/e'), RenameFailed);
    assert.equal(await fs.rename('/a', '/a'), true);
    assert.equal(await fs.rename('/d', '/d'), false);
    assert.equal(await read(fs, '/a'), 'a');
    assert.equal(await read(fs, '/d/x'), 'x');
  });

  test('never loses a file that two paths lead to', async () => {
    const open = memoryOpener();
    const config = checkRouting({
      mappings: [
        { replace: 's3a://b/one/', with: 'memory://same/' },
        { replace: 's3a://b/two/', with: 'memory://same/' },
      ],
      defaults: { s3a: { with: 'memory://' } },
    });
    const fs = FileSystem.overRouter(createRouter(config, open));
    await write(fs, 's3a://b/one/dir/x', 'content');
    await assert.rejects(fs.rename('s3a://b/one/dir/x', 's3a://b/two/dir/x'), FileAlreadyExists);
    await assert.rejects(fs.rename('s3a://b/one', 's3a://b/two/dir/x'), FileAlreadyExists);
    assert.equal(await read(fs, 's3a://b/two/dir/x'), 'content');
    await assert.rejects(fs.rename('/x', 's3a://b/y'), InvalidPath);
  });

  test('never moves a directory into a part of itself that has another name', async () => {
    const open = memoryOpener();
    const config = checkRouting({
      mappings: [
        { replace: 's3a://b/inner/', with: 'memory://same/all/d/' },
        { replace: 's3a://b/outer/', with: 'memory://same/all/' },
        { replace: 's3a://b/beside/', with: 'memory://same/beside/' },
      ],
      defaults: { s3a: { with: 'memory://' } },
    });
    const fs = FileSystem.overRouter(createRouter(config, open), { scheme: 's3a', bucket: 'b' });
    await write(fs, '/outer/d/x', 'one');
    await write(fs, '/outer/d/d/x', 'two');
    await assert.rejects(fs.rename('/outer', '/inner/d'), RenameFailed);
    await assert.rejects(fs.rename('/inner', '/outer/d'), RenameFailed);
    assert.deepEqual(await keysOf(open.stores.get('same')), ['all/d/d/x', 'all/d/x']);
    assert.equal(await read(fs, '/inner/x'), 'one');
    assert.equal(await read(fs, '/inner/d/x'), 'two');
    await fs.mkdirs('/beside');
    assert.equal(await fs.rename('/outer/d/d', '/beside'), true);
    assert.equal(await read(fs, '/beside/d/x'), 'two');
  });

  test('that fails while it copies leaves the source whole, and begins no copy after it has failed', async () => {
    const { fs, stores } = fileSystem();
    for (let i = 10; i < 50; i++) await write(fs, `/raw/t/${i}`, `content ${i}`);
    await fs.mkdirs('/dir');
    const old = stores.get('old')!;
    const put = old.put.bind(old);
    old.put = async (key, body, options) => {
      if (key.endsWith('/20')) throw new StoreError('NO_SPACE', 'The disk is full.', { store: old.name });
      return put(key, body, options);
    };
    await assert.rejects(fs.rename('/raw/t', '/dir/moved'), { code: 'NO_SPACE' });
    const copied = await keysOf(old);
    assert.ok(copied.length < 30, `${copied.length} copies`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(await keysOf(old), copied);
    assert.equal((await fs.listStatus('/raw/t')).length, 40);

    // As docs/router.md says it is taken up again.
    old.put = put;
    await fs.delete('/dir/moved', true);
    assert.equal(await fs.rename('/raw/t', '/dir/moved'), true);
    assert.equal((await fs.listStatus('/dir/moved')).length, 40);
    assert.equal(await fs.exists('/raw/t'), false);
  });

  test('that fails while it deletes has everything at its target', async () => {
    const { fs, stores } = fileSystem();
    for (let i = 10; i < 20; i++) await write(fs, `/raw/t/${i}`, `content ${i}`);
    const lake = stores.get('lake')!;
    const deleteMany = lake.deleteMany.bind(lake);
    lake.deleteMany = async (keys) => {
      const error = new StoreError('ACCESS_DENIED', 'No.', { store: lake.name });
      await deleteMany(keys.filter((key) => !key.endsWith('5')));
      return [{ key: 'main/t/15', error }];
    };
    await assert.rejects(fs.rename('/raw/t', '/moved'), {
      name: 'RenameFailed',
      message: /all is copied, but 1 objects could not be deleted \(raw\/t\/15: No\.\)/,
    });
    assert.equal((await fs.listStatus('/moved')).length, 10);
    assert.deepEqual(await names(fs, '/raw/t'), [`${ROOT}/raw/t/15`]);
  });
});

test('globs match name by name, with alternatives that span directories', async () => {
  const { fs } = fileSystem();
  for (const path of [
    '/raw/y=2024/m=01/a.parquet',
    '/raw/y=2024/m=02/b.parquet',
    '/raw/y=2025/m=01/c.csv',
    '/raw/hot/m=01/d.parquet',
    '/other/[x]/e.parquet',
  ]) {
    await write(fs, path);
  }
  const glob = async (pattern: string) => {
    const found: string[] = [];
    for await (const { path } of fs.globStatus(pattern)) found.push(path.slice(ROOT.length));
    return found;
  };
  assert.deepEqual(await glob('/raw/*/m=01/*'), [
    '/raw/hot/m=01/d.parquet',
    '/raw/y=2024/m=01/a.parquet',
    '/raw/y=2025/m=01/c.csv',
  ]);
  assert.deepEqual(await glob(`${ROOT}/raw/y=202[45]/m=0?/*.{parquet,csv}`), [
    '/raw/y=2024/m=01/a.parquet',
    '/raw/y=2024/m=02/b.parquet',
    '/raw/y=2025/m=01/c.csv',
  ]);
  assert.deepEqual(await glob('/{raw/hot,other/[^a]x?}/*'), ['/raw/hot/m=01', '/other/[x]/e.parquet']);
  assert.deepEqual(await glob('/other/\\[x\\]/e.parquet'), ['/other/[x]/e.parquet']);
  assert.deepEqual(await glob('/raw/y=2024'), ['/raw/y=2024']);
  assert.deepEqual(await glob('/none/*'), []);
  await assert.rejects(glob('/raw/[a'), { code: 'BAD_SPEC' });
});
