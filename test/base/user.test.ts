import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('a user whom the system does not know has a name and a home folder all the same', (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can become another user');
  const program = `
    const { homeFolder, userName } = await import('${join(import.meta.dirname, '../../src/base/user.ts')}');
    console.log(JSON.stringify([userName(), homeFolder()]));`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    uid: 54_321,
    gid: 54_321,
    env: {},
    encoding: 'utf8',
  });
  const unreadable = child.error !== undefined || /EACCES|ERR_MODULE_NOT_FOUND/.test(child.stderr);
  if (unreadable) return t.skip('it may not read these files');
  assert.deepEqual(JSON.parse(child.stdout), ['uid 54321', '/'], child.stderr);
});
