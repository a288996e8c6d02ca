import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileSystem } from '../../src/router/filesystem/filesystem.ts';
import { checkRouting } from '../../src/router/mapping.ts';
import { createRouter } from '../../src/router/router.ts';
import { readAll } from '../../src/stores/read.ts';
import fc from '../property.ts';
import { memoryOpener } from './model.ts';

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** A tree of files and directories with Hadoop's rules, in the plainest way. Paths begin with '/'; '' is the root. */
class Tree {
  readonly files = new Map<string, string>();
  readonly directories = new Set<string>(['']);

  exists(path: string): boolean {
    return this.files.has(path) || this.directories.has(path);
  }

  underFile(path: string): boolean {
    for (let at = parentOf(path); at !== ''; at = parentOf(at)) if (this.files.has(at)) return true;
    return false;
  }

  addDirectories(path: string): void {
    for (let at = path; at !== ''; at = parentOf(at)) this.directories.add(at);
  }

  write(path: string, content: string): void {
    this.files.set(path, content);
    this.addDirectories(parentOf(path));
  }

  mkdirs(path: string): unknown {
    if (this.files.has(path)) return 'FileAlreadyExists';
    if (this.underFile(path)) return 'ParentNotDirectory';
    this.addDirectories(path);
    return true;
  }

  delete(path: string, recursive: boolean): unknown {
    if (path === '' || !this.exists(path)) return false;
    if (this.files.delete(path)) return true;
    const below = [...this.files.keys(), ...this.directories].filter((each) => each.startsWith(`${path}/`));
    if (below.length > 0 && !recursive) return 'PathIsNotEmptyDirectory';
    for (const each of [...below, path]) {
      this.files.delete(each);
      this.directories.delete(each);
    }
    return true;
  }

  rename(from: string, to: string): unknown {
    if (from === '') return 'RenameFailed';
    if (!this.exists(from)) return 'FileNotFound';
    const isFile = this.files.has(from);
    if (from === to) return isFile;
    if (this.files.has(to)) return 'FileAlreadyExists';
    let target = to;
    if (this.directories.has(to)) {
      target = `${to}/${nameOf(from)}`;
      if (target === from) return isFile;
      if (this.exists(target)) return 'FileAlreadyExists';
    } else if (this.files.has(parentOf(to))) return 'ParentNotDirectory';
    else if (!this.directories.has(parentOf(to))) return 'FileNotFound';
    if (!isFile && target.startsWith(`${from}/`)) return 'RenameFailed';
    const moved = (path: string) => target + path.slice(from.length);
    const inside = (path: string) => path === from || path.startsWith(`${from}/`);
    for (const [path, content] of [...this.files].filter(([path]) => inside(path))) {
      this.files.delete(path);
      this.files.set(moved(path), content);
    }
    for (const path of [...this.directories].filter(inside)) {
      this.directories.delete(path);
      this.directories.add(moved(path));
    }
    return true;
  }

  show(): string[] {
    const files = [...this.files].map(([path, content]) => `${path} = ${content}`);
    return [
      ...files,
      ...[...this.directories].filter((path) => path !== '').map((path) => `${path}/`),
    ].sort();
  }
}

async function show(fs: FileSystem, path = '/'): Promise<string[]> {
  const found: string[] = [];
  for await (const status of fs.listStatusIterator(path)) {
    const short = status.path.slice('v://b'.length);
    if (status.isDirectory) {
      found.push(`${short}/`, ...(await show(fs, short)));
    } else {
      const file = await fs.open(short);
      found.push(`${short} = ${await readAll(await file.stream())}`);
    }
  }
  return found.sort();
}

/** What came of it, in the words of Tree. */
const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: Error) => {
    if (!/^(File|Path|Parent|Rename)/.test(error.name)) throw error;
    return error.name;
  });

const path = fc
  .array(fc.constantFrom('a', 'ab', 'b', '😀'), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join('/')}`);

const rule = fc.record({
  prefix: fc.oneof(
    fc.constantFrom('a', 'a/', 'a/a', 'a/b/', 'b/', 'ab', 'ab/a/b', '😀/', 'a/a/'),
    fc.constantFrom('a/ab', 'b/b', 'b/b/'),
  ),
  target: fc.constantFrom('', 't', 't/', 'x/y/'),
});

const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), path, to: path }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('rename' as const), path, to: path }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('mkdirs' as const, 'delete' as const, 'deleteAll' as const),
      path,
      to: path,
    }),
  },
);

test('a FileSystem over any mappings behaves as a simple tree does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { maxLength: 5 }),
      fc.array(operation, { minLength: 1, maxLength: 12 }),
      async (rules, operations) => {
        const config = checkRouting({
          mappings: rules.map(({ prefix, target }, i) => ({
            replace: `v://b/${prefix}`,
            with: `memory://s${i}/${target}`,
          })),
          defaults: { v: { with: 'memory://' } },
        });
        const router = createRouter(config, memoryOpener({ size: 3 }));
        const fs = FileSystem.overRouter(router, { scheme: 'v', bucket: 'b' });
        const tree = new Tree();
        for (const [i, { do: what, path: at, to }] of operations.entries()) {
          if (what === 'write') {
            // Unlike a tree, an object store does not mind a file below a file.
            if (tree.directories.has(at) || tree.underFile(at)) continue;
            const file = await fs.create(at);
            file.write(`content ${i}`);
            await file.close();
            tree.write(at, `content ${i}`);
          } else if (what === 'rename') {
            assert.equal(await outcome(fs.rename(at, to)), tree.rename(at, to));
          } else if (what === 'mkdirs') {
            assert.equal(await outcome(fs.mkdirs(at)), tree.mkdirs(at));
          } else {
            const all = what === 'deleteAll';
            assert.equal(await outcome(fs.delete(at, all)), tree.delete(at, all));
          }
          assert.deepEqual(await show(fs), tree.show());
        }
      },
    ),
    { numRuns: Number(process.env.SLUICE_TEST_RUNS ?? 120) },
  );
});
