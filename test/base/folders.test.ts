import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolders } from '../../src/base/folders.ts';

test('a folder is made with those above it, and may be there already', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-folder-'));
  t.after(() => rmSync(root, { recursive: true }));
  makeFolders(join(root, 'a', 'b', 'c'), 0o700);
  assert.ok(statSync(join(root, 'a', 'b', 'c')).isDirectory());
  makeFolders(join(root, 'a', 'b'));
  writeFileSync(join(root, 'file'), '');
  assert.throws(() => makeFolders(join(root, 'file')), { code: 'EEXIST' });
  assert.throws(() => makeFolders(join(root, 'file', 'below')), { code: 'ENOTDIR' });
});

test('a place that takes no folders says so', { skip: process.platform !== 'linux' }, () => {
  assert.throws(() => makeFolders('/proc/nowhere/below'), { code: 'ENOENT' });
});
