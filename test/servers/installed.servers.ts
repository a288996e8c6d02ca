import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** What `npm pack` ships (of dist as the last build left it), with the dependencies of this checkout but Temporal's. */
describe('the package, as it is installed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-installed-'));
  const installed = join(folder, 'package');
  const home = join(folder, 'home');
  after(() => rmSync(folder, { recursive: true, force: true }));
  before(() => {
    execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
      cwd: root,
    });
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
    execFileSync('tar', ['-xzf', tarball], { cwd: folder });
    const packages = join(root, 'node_modules');
    mkdirSync(join(installed, 'node_modules'));
    for (const name of readdirSync(packages)) {
      if (name !== '@temporalio') symlinkSync(join(packages, name), join(installed, 'node_modules', name));
    }
    mkdirSync(home);
  });

  const sluice = (args: string[], env: Record<string, string> = {}) =>
    spawnSync(process.execPath, [join(installed, 'bin/sluice.cjs'), ...args], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, ...env },
      encoding: 'utf8',
      timeout: 120_000,
    });

  it('exports a lake, and keeps its compiled scripts in the user’s cache folder', () => {
    const { status, stdout, stderr } = sluice(['demo']);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /SUCCESS/);
    assert.equal(readdirSync(join(home, '.cache/sluice/node')).length, 1);
  });

  const homeless: [string, Record<string, string>][] = [
    ['a home that is a file', { HOME: '/dev/null' }],
    ['a cache folder that is no place', { XDG_CACHE_HOME: 'elsewhere' }],
  ];
  for (const [where, env] of homeless) {
    it(`runs with ${where}`, () => {
      const { status, stdout, stderr } = sluice(['--version'], env);
      assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `${version}\n`, stderr: '' });
    });
  }

  it('says what to install for Temporal when its SDK is not there', () => {
    const { status, stderr } = sluice(['worker']);
    assert.equal(status, 1);
    assert.match(stderr, /npm install @temporalio\/client.*\[UNSUPPORTED\]/);
  });

  it('tells where an error came from by the names of functions', () => {
    const { status, stderr } = sluice(['--debug', '--config', 'missing.yaml', 'ls', '.']);
    assert.notEqual(status, 0);
    assert.match(stderr, /at loadSettings .*main\.cjs:\d+/);
  });

  it('is a library', () => {
    const program = join(installed, 'use.mjs');
    writeFileSync(program, `import { VERSION } from 'sluice'; console.log(VERSION);`);
    const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
    assert.equal(stdout, `${version}\n`, stderr);
  });
});
