import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cli, startCli } from './cli.ts';

describe('sluice serve and sluice keys', () => {
  let home: string;
  before(() => {
    home = mkdtempSync(join(tmpdir(), 'sluice-serve-'));
    writeFileSync(
      join(home, 'sluice.yaml'),
      [
        'connections: {minio: {type: s3, endpoint: "http://127.0.0.1:9", access_key_id: a, secret_access_key: b}}',
        'service: {listen: "127.0.0.1:0", auth: keys, gateway: true}',
        'gateway:',
        '  listen: "127.0.0.1:0"',
        '  clients: [{name: c, access_key: AK, secret_key: SK, allow: [{prefix: "s3a://b/", rights: r}]}]',
        '  default: {s3a: minio}',
        '  mappings: [{replace: "s3a://b/", with: "file:///tmp/none/"}]',
      ].join('\n'),
    );
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  it('serves callers with a key until it is told to stop', async () => {
    const made = await cli(['keys', 'create', 'ci', '--role', 'read', '--expires', '30d', '--json'], home);
    assert.equal(made.code, 0, made.stderr);
    const { key } = JSON.parse(made.stdout) as { key: string };
    const server = startCli(['serve'], home);
    let said = '';
    server.stderr!.on('data', (chunk) => {
      said += chunk;
    });
    let out = '';
    server.stdout!.on('data', (chunk) => {
      out += chunk;
    });
    const ended = once(server, 'exit');
    try {
      while (!out.includes('s3a:// is answered') || !said.includes('listens on')) {
        await Promise.race([once(server.stderr!, 'data'), once(server.stdout!, 'data'), ended]);
        assert.equal(server.exitCode, null, said);
      }
      const url = /http:\S+/.exec(said)![0];
      assert.equal((await fetch(`${url}/v1/jobs`)).status, 401);
      const answer = await fetch(`${url}/v1/jobs`, { headers: { authorization: `Bearer ${key}` } });
      assert.deepEqual(await answer.json(), { jobs: [] });
      const gateway = /http:\S+/.exec(out)![0];
      assert.match(await (await fetch(`${gateway}/b/x`)).text(), /<Error>/);

      const listed = await cli(['keys', 'list'], home);
      assert.match(listed.stdout, /ci .*read/);
      assert.ok(!listed.stdout.includes(key));
      assert.equal((await cli(['keys', 'revoke', 'ci'], home)).code, 0);
      const revoked = await fetch(`${url}/v1/jobs`, { headers: { authorization: `Bearer ${key}` } });
      assert.equal(revoked.status, 401);
    } finally {
      server.kill('SIGTERM');
    }
    const [code] = await ended;
    assert.equal(code, 0, said);
    assert.ok(!said.includes(key));
    assert.match(
      readFileSync(join(home, 'state', 'audit.jsonl'), 'utf8'),
      /"what":"revoke key","subject":"ci"/,
    );
  });

  it('says what is wrong with what was asked', async () => {
    const open = await cli(['serve', '--listen', '0.0.0.0:0'], home, { SLUICE_SERVICE_AUTH: 'none' });
    assert.equal(open.code, 2);
    assert.match(open.stderr, /service\.auth is none.*sluice keys create/);
    const role = await cli(['keys', 'create', 'x', '--role', 'fly'], home);
    assert.equal(role.code, 2);
    assert.match(role.stderr, /no role "fly"/);
    const none = await cli(['keys', 'revoke', 'none'], home);
    assert.equal(none.code, 1);
  });

  it('is checked with its schedules before it runs', async () => {
    const file = join(home, 'wrong.yaml');
    writeFileSync(
      file,
      [
        'service:',
        '  listen: "0.0.0.0:7070"',
        'schedules:',
        '  - {name: a, cron: "0 2 * * *", timezone: Mars, job: {kind: lake-export, spec: {}}}',
        '  - {name: b, job: {kind: lake-export, spec: {}}}',
      ].join('\n'),
    );
    const checked = await cli(['config', 'check', '--config', file], home);
    assert.equal(checked.code, 2);
    assert.match(checked.stdout, /wrong\.yaml:2:11: .*service\.auth is none/);
    assert.match(checked.stdout, /wrong\.yaml:4:44: .*"a" cannot be used/);
    assert.match(checked.stdout, /wrong\.yaml:5:12: .*"b" needs either cron or on/);
  });
});
