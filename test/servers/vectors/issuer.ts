/** A small OpenID Connect issuer on 127.0.0.1: discovery, keys, and tokens for refresh tokens and secrets. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface Issuer {
  url: string;
  clientId: string;
  /** A signed token of a user. @param seconds until it runs out */
  token(user: string, seconds: number): Promise<string>;
  /** Seconds the tokens live that it gives out. */
  lifetime: number;
  /** How many it has given out. */
  given: number;
  stop(): void;
}

/** @param refreshTokens which user's tokens a refresh token gives */
export async function startIssuer(refreshTokens: Record<string, string>): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'RS256', use: 'sig' };
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.url === '/.well-known/openid-configuration') {
      answer(200, {
        issuer: issuer.url,
        token_endpoint: `${issuer.url}/token`,
        authorization_endpoint: `${issuer.url}/authorize`,
        jwks_uri: `${issuer.url}/keys`,
        id_token_signing_alg_values_supported: ['RS256'],
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
      });
    } else if (request.url === '/keys') answer(200, { keys: [jwk] });
    else if (request.url === '/token') {
      const user = refreshTokens[new URLSearchParams(body).get('refresh_token') ?? ''];
      if (user === undefined) {
        answer(400, { error: 'invalid_grant' });
        return;
      }
      issuer.given++;
      answer(200, {
        access_token: await issuer.token(user, issuer.lifetime),
        token_type: 'Bearer',
        expires_in: issuer.lifetime,
      });
    } else answer(404, {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clientId: 'weaviate',
    lifetime: 3600,
    given: 0,
    token: (user, seconds) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'RS256', kid: 'test' })
        .setIssuer(issuer.url)
        .setAudience(issuer.clientId)
        .setSubject(user)
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
        .sign(privateKey),
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return issuer;
}
