import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { testEngine } from '../support/local-engine.ts';
import { cli } from './cli.ts';

let home: string;
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
  await mkdir(join(home, 'data/sub folder'), { recursive: true });
  await writeFile(join(home, 'data/a.txt'), 'hello');
  await writeFile(join(home, 'data/sub folder/b%41#?.txt'), '0123456789');
});
after(() => rm(home, { recursive: true, force: true }));

describe('usage', { concurrency: 2 }, () => {
  test('--version prints the version, --help the commands', async () => {
    const version = await cli(['--version'], home);
    assert.deepEqual([version.code, version.stderr], [0, '']);
    assert.match(version.stdout, /^\d+\.\d+\.\d+/);
    const help = await cli(['--help'], home);
    assert.equal(help.code, 0);
    for (const command of ['jobs', 'ls', 'cat', 'config'])
      assert.match(help.stdout, new RegExp(`^ +${command} `, 'm'));
    const inner = await cli(['jobs', 'list', '--help'], home);
    assert.match(inner.stdout, /--status/);
  });

  for (const args of [
    [],
    ['nope'],
    ['ls'],
    ['ls', '--nope', 'x'],
    ['cat', 'a', '--range', '5-2'],
    ['jobs', 'show'],
  ]) {
    test(`"sluice ${args.join(' ')}" is wrong usage`, async () => {
      const { code, stderr } = await cli(args, home);
      assert.equal(code, 2);
      assert.doesNotMatch(stderr, /\n {4}at /, 'no stack');
    });
  }

  test('an error is one sentence with a code, and JSON with --json', async () => {
    const plain = await cli(['jobs', 'show', 'nope'], home);
    assert.equal(plain.code, 1);
    assert.match(plain.stderr, /^sluice: There is no job "nope"\..* \[NOT_FOUND\]\n$/);
    const json = await cli(['jobs', 'show', 'nope', '--json'], home);
    assert.equal(json.stderr, '');
    assert.equal(JSON.parse(json.stdout).error.code, 'NOT_FOUND');
    const usage = await cli(['--json', 'nope'], home);
    assert.equal(JSON.parse(usage.stdout).error.code, 'USAGE');
  });

  test('a broken configuration stops a command, with its lines', async () => {
    await writeFile(join(home, 'broken.yaml'), 'servce: {}\nengine: nope\n');
    const ran = await cli(['ls', 'data', '--config', 'broken.yaml'], home);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /broken\.yaml:1:1: .*servce[\s\S]*broken\.yaml:2:9: .*\[BAD_CONFIG\]/);
  });
});

describe('ls and cat', { concurrency: 2 }, () => {
  test('ls shows one level, or all, and JSON', async () => {
    assert.equal((await cli(['ls', 'data'], home)).stdout, 'sub folder/\na.txt\n');
    assert.equal((await cli(['ls', '-r', 'data'], home)).stdout, 'a.txt\nsub folder/b%41#?.txt\n');
    const long = await cli(['ls', '-rl', 'data'], home);
    assert.match(long.stdout, / 5 B {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}a\.txt\n/);
    const lines = (await cli(['ls', '-r', '--json', 'data'], home)).stdout.trim().split('\n');
    assert.deepEqual(
      lines.map((line) => [JSON.parse(line).key, JSON.parse(line).size]),
      [
        ['a.txt', 5],
        ['sub folder/b%41#?.txt', 10],
      ],
    );
    assert.equal((await cli(['ls', 'data/a.txt'], home)).stdout, 'a.txt\n');
    assert.equal((await cli(['ls', 'data/nothing'], home)).code, 1);
  });

  test('cat prints objects and ranges of them', async () => {
    const name = 'data/sub folder/b%41#?.txt';
    assert.equal((await cli(['cat', 'data/a.txt', name], home)).stdout, 'hello0123456789');
    assert.equal((await cli(['cat', name, '--range', '2-4'], home)).stdout, '234');
    assert.equal((await cli(['cat', name, '--range=-3'], home)).stdout, '789');
    const missing = await cli(['cat', 'data/none.txt'], home);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /\[NOT_FOUND\]/);
  });
});

describe('config', { concurrency: 2 }, () => {
  test('shows what is in force and where from, without secrets', async () => {
    await writeFile(
      join(home, 'good.yaml'),
      `connections:
  lake: {type: lakefs, endpoint: "http://x", access_key_id: AK, secret_access_key: "\${HUSH}"}
use: {"lakefs://": lake}
`,
    );
    const env = { HUSH: 'hush-hush', SLUICE_CONFIG: 'good.yaml' };
    const ran = await cli(['config', '--log-level', 'info'], home, env);
    assert.equal(ran.code, 0);
    assert.doesNotMatch(ran.stdout, /hush-hush/);
    assert.match(ran.stdout, /^log_level +info +--log-level$/m);
    assert.match(ran.stdout, /^state +\S+ +\$SLUICE_STATE$/m);
    assert.match(ran.stdout, /^connections\.lake\.secret_access_key +\*+ +\S*good\.yaml:2 \(\$HUSH\)$/m);
    assert.equal((await cli(['config', 'check'], home, env)).code, 0);
    const bad = await cli(['config', 'check'], home, { SLUICE_CONFIG: 'good.yaml' });
    assert.equal(bad.code, 2);
    assert.match(bad.stdout, /good\.yaml:2:\d+: The environment variable HUSH is not set/);
  });
});

describe('jobs', () => {
  test('list and show tell of jobs, their parts and failures', async () => {
    const engine = await testEngine(join(home, 'state'));
    const faults = { p0000003: { code: 'ACCESS_DENIED' as const, item: 'a\u001b[2Jb' } };
    const spec = { folder: join(home, 'notes'), parts: 5, faults };
    await engine.submit('counting', spec, { id: 'job-1' });
    await engine.wait('job-1');
    await engine.close();

    const list = await cli(['jobs', 'list'], home);
    assert.match(list.stdout, /^JOB +KIND +STATUS/);
    assert.match(list.stdout, /^job-1 +counting +FAILED .*9 objects, 40 B +1 of 5 parts failed/m);
    const none = await cli(['jobs', 'list', '--status', 'SUCCESS', '--json'], home);
    assert.equal(none.stdout, '');
    const show = await cli(['jobs', 'show', 'job-1'], home);
    assert.match(show.stdout, /^Objects +9 of 10$/m);
    assert.match(show.stdout, /^ +FAILED +p0000003 {2}part 3: One failed/m);
    assert.match(show.stdout, /a\\x1b\[2Jb: Part p0000003 broke\. \[ACCESS_DENIED\]/);
    const json = JSON.parse((await cli(['jobs', 'show', 'job-1', '--parts', '--json'], home)).stdout);
    assert.equal(json.partList.length, 5);
    assert.equal(json.progress.parts.FAILED, 1);
    const cancel = await cli(['jobs', 'cancel', 'job-1'], home);
    assert.equal(cancel.code, 1);
    assert.match(cancel.stderr, /\[CONFLICT\]/);
  });
});
