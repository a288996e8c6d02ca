import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { serviceOptions } from '../../src/service/settings.ts';
import { TestService } from '../support/service.ts';

const counting = (service: TestService, name: string) => ({
  kind: 'counting',
  spec: { folder: service.folderOf(name), parts: 2 },
});

describe('without sign-in', () => {
  it('listens on loopback only', () => {
    for (const listen of ['0.0.0.0:7070', ':7070', '192.168.1.5:80', '[::]:7070', 'example.com:80']) {
      assert.throws(() => serviceOptions({ listen, auth: 'none' }), /service\.auth is none/);
    }
    for (const listen of ['127.0.0.1:7070', 'localhost:80', '[::1]:7070']) {
      serviceOptions({ listen, auth: 'none' });
    }
    serviceOptions({ listen: '0.0.0.0:7070', auth: 'keys' });
    assert.throws(() => serviceOptions({ listen: 'nonsense', auth: 'none' }), /no address/);
  });

  it('lets no web page of elsewhere in through the browser', async () => {
    const service = await new TestService().start();
    try {
      const { port } = new URL(service.url);
      const rebound = await new Promise<number>((resolve, reject) => {
        import('node:http').then(({ get }) =>
          get(`${service.url}/v1/jobs`, { headers: { host: `evil.example:${port}` } }, (response) => {
            response.resume();
            resolve(response.statusCode!);
          }).on('error', reject),
        );
      });
      assert.equal(rebound, 403);
      const body = counting(service, 'x');
      const crossed = await service.post('/v1/jobs', body, { origin: 'https://evil.example' });
      assert.equal(crossed.status, 403);
      const form = await service.call('POST', '/v1/jobs', body, { 'content-type': 'text/plain' });
      assert.equal(form.status, 415);
      assert.equal((await service.post('/v1/jobs', body, { origin: service.url })).status, 202);
    } finally {
      await service.close();
    }
  });
});

describe('keys', () => {
  const service = new TestService({ service: { listen: '', auth: 'keys', rate_limit: 600 } });
  before(() => service.start());
  after(() => service.close());
  const make = async (name: string, roles: string[], expiresAt?: number) =>
    (await service.running.service.keys.create({ name, roles, expiresAt })).key;

  it('say who may do what', async () => {
    const body = counting(service, 'k');
    const reader = await make('reader', ['read']);
    const runner = await make('runner', ['run']);
    const canceler = await make('canceler', ['cancel']);
    const admin = await make('admin', ['admin']);
    const expected: [string | undefined, string, string, number][] = [
      [undefined, 'GET', '/v1/jobs', 401],
      ['slk_000000000000_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'GET', '/v1/jobs', 401],
      [`${reader.slice(0, -1)}${reader.endsWith('A') ? 'B' : 'A'}`, 'GET', '/v1/jobs', 401],
      [reader, 'GET', '/v1/jobs', 200],
      [reader, 'GET', '/metrics', 200],
      [reader, 'POST', '/v1/jobs', 403],
      [reader, 'POST', '/v1/jobs/x/cancel', 403],
      [runner, 'GET', '/v1/jobs', 403],
      [runner, 'POST', '/v1/jobs', 202],
      [runner, 'POST', '/v1/jobs/x/cancel', 403],
      [canceler, 'POST', '/v1/jobs/x/cancel', 404],
      [canceler, 'POST', '/v1/jobs/x/retry', 403],
      [reader, 'POST', '/v1/schedules/x/pause', 403],
      [admin, 'POST', '/v1/schedules/x/pause', 404],
      [admin, 'POST', '/v1/jobs', 202],
      [undefined, 'GET', '/healthz', 200],
      [undefined, 'GET', '/v1/events', 401],
      [undefined, 'GET', '/v1/me', 401],
    ];
    for (const [key, method, path, status] of expected) {
      service.key = key;
      const sent = method === 'POST' && path === '/v1/jobs' ? body : undefined;
      const answer = await service.call(method, path, sent);
      assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
      if (status === 401) assert.match(answer.headers.get('www-authenticate')!, /Bearer/);
    }
    service.key = reader;
    assert.deepEqual((await service.get('/v1/me')).json, {
      name: 'key:reader',
      roles: ['read'],
      auth: 'keys',
    });
  });

  it('end by their time and by being revoked, and are nowhere in clear', async () => {
    const { keys } = service.running.service;
    const short = await make('short', ['read'], Date.now() - 1);
    const gone = await make('gone', ['read']);
    await keys.revoke('gone');
    for (const key of [short, gone]) {
      service.key = key;
      assert.equal((await service.get('/v1/jobs')).status, 401);
    }
    await assert.rejects(keys.revoke('gone'), /no key/);
    await make('gone', ['read']);
    await assert.rejects(make('gone', ['read']), /already/);
    await assert.rejects(make('odd', ['fly']), /no role "fly"/);
    assert.ok((await keys.list()).find(({ name }) => name === 'reader')!.lastUsed! > 0);
    // A secret may itself have the sign that parts it from the id.
    const secret = gone.split('_').slice(2).join('_');
    for (const file of readdirSync(join(service.folder, 'state'))) {
      assert.ok(!readFileSync(join(service.folder, 'state', file)).includes(secret), file);
    }
  });

  it('may start jobs inside of what is allowed only', async () => {
    const runner = await make('narrow', ['run']);
    service.key = runner;
    const lake = (destination: string) => ({
      kind: 'lake-export',
      spec: { source: 'lakefs://repo/main', destination },
    });
    for (const body of [
      lake('/etc'),
      lake('file:///etc'),
      { kind: 'vector-export', spec: { weaviate: 'http://10.0.0.1:80', destination: 's3://b', id: 'x' } },
      { kind: 'vector-export', spec: { weaviate: 'v', grpc: 'evil:1', destination: 's3://b', id: 'x' } },
      { kind: 'table-export', spec: { source: 'lakefs://a/b', target_base_location: 's3://b', spark: {} } },
    ]) {
      assert.equal((await service.post('/v1/jobs', body)).status, 403, JSON.stringify(body));
    }
    const auth = 'keys' as const;
    await service.restart({
      service: {
        listen: '',
        auth,
        allow: { sources: ['lakefs://repo/'], destinations: ['s3://exports/team', '/srv/out'] },
      },
    });
    for (const [destination, status] of [
      ['s3://exports/team-secret', 403],
      ['s3://exports', 403],
      ['s3://exports/team/../other', 403],
      ['s3://exports/team/%2e%2e/other', 403],
      ['/srv/out/../../etc', 403],
      ['/srv/outside', 403],
      ['gs://exports/team', 403],
    ] as const) {
      assert.equal((await service.post('/v1/jobs', lake(destination))).status, status, destination);
    }
    const other = { ...lake('s3://exports/team').spec, source: 'lakefs://repository/main' };
    assert.equal((await service.post('/v1/jobs', { kind: 'lake-export', spec: other })).status, 403);
    assert.equal((await service.post('/v1/jobs', lake('s3://exports/team/a'))).status, 202);
    assert.equal((await service.post('/v1/jobs', lake('/srv/out/a'))).status, 202);
  });

  it('may call so often a minute', async () => {
    await service.restart({ service: { listen: '', auth: 'keys', rate_limit: 5 } });
    service.key = await make('eager', ['read']);
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await service.get('/v1/jobs'));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200, 200, 429],
    );
    assert.ok(Number(answers[5]!.headers.get('retry-after')) >= 1);
    service.key = await make('other', ['read']);
    assert.equal((await service.get('/v1/jobs')).status, 200);
  });
});

describe('tokens of an OpenID issuer', () => {
  it('give the roles that their claim stands for', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const other = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
    const issuer = createServer((request, response) => {
      const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
      const answers: Record<string, object> = {
        '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
        '/keys': { keys: [jwk] },
      };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answers[request.url!] ?? {}));
    });
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
    const service = await new TestService({
      service: {
        listen: '',
        auth: 'oidc',
        oidc: { issuer: url, audience: 'sluice', claim: 'realm.groups', roles: { data: ['read', 'run'] } },
      },
    }).start();
    try {
      const token = (
        claims: object,
        options: { audience?: string; expires?: string; key?: typeof privateKey; issuer?: string } = {},
      ) =>
        new SignJWT({ sub: 'ann', ...claims })
          .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
          .setIssuer(options.issuer ?? url)
          .setAudience(options.audience ?? 'sluice')
          .setIssuedAt('-2 min')
          .setExpirationTime(options.expires ?? '1h')
          .sign(options.key ?? privateKey);
      const groups = (...names: string[]) => ({ realm: { groups: names } });
      for (const [key, status] of [
        [await token(groups('data', 'other')), 200],
        [await token(groups('other')), 403],
        [await token({}), 403],
        [await token(groups('data'), { audience: 'else' }), 401],
        [await token(groups('data'), { issuer: 'http://evil.example' }), 401],
        [await token(groups('data'), { expires: '-1 min' }), 401],
        [await token(groups('data'), { key: other.privateKey }), 401],
        ['nonsense', 401],
      ] as const) {
        service.key = key;
        assert.equal((await service.get('/v1/jobs')).status, status);
      }
      service.key = await token({ ...groups('data'), email: 'ann@example.com' });
      assert.equal((await service.get('/v1/me')).json.name, 'oidc:ann@example.com');
    } finally {
      await service.close();
      issuer.close();
      issuer.closeAllConnections();
    }
  });
});
