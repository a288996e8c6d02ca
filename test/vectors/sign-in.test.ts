import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { parseWeaviateConnection } from '../../src/vectors/weaviate/connection.ts';
import { WeaviateRest } from '../../src/vectors/weaviate/rest.ts';
import { SignIn } from '../../src/vectors/weaviate/sign-in.ts';

/** A Weaviate and the issuer it trusts in one; takes only the newest token. */
async function issuer(t: TestContext, expiresIn = 3600) {
  const asked: URLSearchParams[] = [];
  let given = 0;
  const server = createServer(async (request, response) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.url === '/v1/.well-known/openid-configuration') {
      answer(200, { href: `${url}/issuer`, clientId: 'weaviate', scopes: ['openid'] });
    } else if (request.url === '/issuer') answer(200, { token_endpoint: `${url}/token` });
    else if (request.url === '/token') {
      const form = new URLSearchParams(body);
      asked.push(form);
      if (form.get('client_secret') === 'wrong') answer(401, { error: 'invalid_client' });
      else
        answer(200, {
          access_token: `token ${++given}`,
          expires_in: expiresIn,
          refresh_token: `next ${given}`,
        });
    } else if (request.headers.authorization === `Bearer token ${given}`) answer(200, { version: '1.37.0' });
    else answer(401, { error: [{ message: 'token expired' }] });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, outdate: () => given++ };
}

const connect = (url: string, more: object) =>
  parseWeaviateConnection({ name: 'test', type: 'weaviate', url, ...more });

test('a program signs in with its secret at the issuer that the server names', async (t) => {
  const { url, asked } = await issuer(t);
  const signIn = new SignIn(connect(url, { client_id: 'sluice', client_secret: 'secret', scope: 'more' }));
  assert.deepEqual(await Promise.all([signIn.token(), signIn.token()]), ['token 1', 'token 1']);
  assert.equal(asked.length, 1);
  assert.deepEqual(Object.fromEntries(asked[0]!), {
    client_id: 'sluice',
    client_secret: 'secret',
    grant_type: 'client_credentials',
    scope: 'openid more',
  });
});

test('a token that is refused is renewed once for all calls, and so is the next by the newest refresh token', async (t) => {
  const { url, asked, outdate } = await issuer(t);
  const connection = connect(url, { bearer_token: 'old', refresh_token: 'first' });
  const rest = new WeaviateRest(connection, { attempts: 1, baseDelay: 1, maxDelay: 1, deadline: 1000 });
  t.after(() => rest.close());
  await Promise.all([1, 2, 3].map(() => rest.call('GET', '/meta')));
  assert.equal(asked.length, 1);
  assert.equal(asked[0]!.get('refresh_token'), 'first');
  assert.equal(asked[0]!.get('client_id'), 'weaviate');
  outdate();
  await rest.call('GET', '/meta');
  assert.equal(asked.at(-1)!.get('refresh_token'), 'next 1');
});

test('a secret that the issuer refuses is an honest failure without it', async (t) => {
  const { url } = await issuer(t);
  const signIn = new SignIn(connect(url, { client_id: 'sluice', client_secret: 'wrong' }));
  await assert.rejects(signIn.token(), (error: Error & { code: string }) => {
    assert.equal(error.code, 'UNAUTHENTICATED');
    assert.match(error.message, /401 \(invalid_client\)/);
    assert.doesNotMatch(error.message, /wrong/);
    return true;
  });
});

test('a token without the means to renew it stays as it is, and the refusal names what to do', async (t) => {
  const { url } = await issuer(t);
  const rest = new WeaviateRest(connect(url, { bearer_token: 'old' }));
  t.after(() => rest.close());
  await assert.rejects(rest.call('GET', '/meta'), /token expired.*bearer_token/);
});

test('credentials that do not go together are refused by name', () => {
  assert.throws(() => connect('http://x:1', { api_key: 'a', refresh_token: 'b' }), /api_key and OIDC/);
  assert.throws(() => connect('http://x:1', { client_secret: 'b' }), /no client_id/);
});
