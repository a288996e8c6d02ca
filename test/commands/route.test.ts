import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAll } from '../../src/stores/read.ts';
import { parseS3Connection } from '../../src/stores/s3/settings.ts';
import { S3Store } from '../../src/stores/s3/store.ts';
import { cli, startCli } from './cli.ts';

describe('sluice route', () => {
  let home: string;
  before(() => {
    home = mkdtempSync(join(tmpdir(), 'sluice-route-'));
    mkdirSync(join(home, 'data'));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  it('with workers sums up their metrics, and lets requests end after Ctrl-C', async () => {
    writeFileSync(
      join(home, 'sluice.yaml'),
      [
        'gateway:',
        '  listen: "127.0.0.1:0"',
        '  workers: 2',
        '  metrics: "127.0.0.1:0"',
        '  clients: [{name: c, access_key: AK, secret_key: SK, allow: [{prefix: "s3a://bucket/", rights: rwd}]}]',
        `  mappings: [{replace: "s3a://bucket/", with: "file://${home}/data/"}, {replace: "s3a://", with: "file://${home}/none/"}]`,
      ].join('\n'),
    );
    const gateway = startCli(['route', '--no-access-log'], home, {}, { detached: true });
    const ended = once(gateway, 'exit');
    let said = '';
    for (const stream of [gateway.stdout!, gateway.stderr!]) {
      stream.on('data', (chunk) => {
        said += chunk;
      });
    }
    const wait = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const found = pattern.exec(said)?.[1];
        if (found !== undefined) return found;
        await Promise.race([once(gateway.stderr!, 'data'), once(gateway.stdout!, 'data'), ended]);
        assert.equal(gateway.exitCode, null, said);
      }
    };
    try {
      const endpoint = await wait(/s3a:\/\/ is answered at (http:\S+)/);
      const admin = await wait(/metrics on port (\d+)/);
      const settings = { endpoint, region: 'us-east-1', path_style: true };
      const keys = { access_key_id: 'AK', secret_access_key: 'SK' };
      const store = new S3Store(parseS3Connection({ name: 'g', type: 's3', ...settings, ...keys }), 'bucket');
      const bytes = Buffer.alloc(16 * 1024 * 1024, 'sluice');
      await store.put('large', bytes);
      // Several connections at once go to both workers.
      await Promise.all(Array.from({ length: 8 }, () => store.head('large')));
      const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
      assert.match(metrics, /^sluice_gateway_requests_total\{operation="HeadObject",.*status="200"\} 8$/m);

      const { body } = await store.get('large');
      body.pause();
      process.kill(-gateway.pid!, 'SIGINT');
      await wait(/(stopping)/);
      assert.ok((await readAll(body)).equals(bytes));
      await store.close();
      assert.deepEqual(await ended, [0, null]);
      assert.equal(said.split('stopping').length, 2, said);
    } finally {
      if (gateway.exitCode === null) process.kill(-gateway.pid!, 'SIGKILL');
    }
  });

  it('ends, and says why, when the address of its metrics is taken or its certificate is none', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      for (const workers of ['1', '2']) {
        const metrics = `127.0.0.1:${port}`;
        const { code, stdout, stderr } = await cli(
          ['route', '--metrics', metrics, '--workers', workers],
          home,
        );
        assert.deepEqual([code, stdout], [2, ''], stderr);
        assert.match(stderr, new RegExp(`^sluice: Cannot listen on ${metrics}: .*\\n$`));
      }
    } finally {
      taken.close();
    }
    const file = join(home, 'sluice.yaml');
    const { code, stderr } = await cli(['route', '--tls-cert', file, '--tls-key', file], home);
    assert.equal(code, 2);
    assert.match(stderr, /^sluice: The certificate .*sluice\.yaml cannot be used: both must be PEM.*\n$/);
  });

  it('explain names the line of a core-site.xml that is wrong', async () => {
    const property = (name: string, value: string): string =>
      `<property><name>${name}</name><value>${value}</value></property>\n`;
    const lines =
      property('routerfs.mapping.s3a.1.replace', 's3a://b/') +
      property('routerfs.mapping.s3a.1.with', 's3a://b/deeper/');
    const file = join(home, 'core-site.xml');
    writeFileSync(file, `<configuration>\n${lines}</configuration>\n`);
    const { code, stderr, stdout } = await cli(['route', 'explain', 's3a://b/x', '--config', file], home);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /core-site\.xml:2: .*has no default/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
});
