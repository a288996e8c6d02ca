import { SluiceError } from '../../base/errors.ts';
import type { OidcOptions } from '../settings.ts';
import { checkRole, type Identity } from './roles.ts';

/** Checks a bearer token. @throws SluiceError UNAUTHENTICATED, UNAVAILABLE (the issuer can't be asked) */
export type CheckToken = (token: string) => Promise<Identity>;

/**
 * Bearer tokens of an OpenID issuer (OpenID Connect Discovery 1.0; RFC 7519). The issuer is asked for its keys when the
 * first token comes, so that it may start after the service.
 */
export function oidcTokens(options: OidcOptions): CheckToken {
  for (const roles of Object.values(options.roles)) for (const role of roles) checkRole(role);
  let ready: Promise<CheckToken> | undefined;
  return async (token) => {
    ready ??= discover(options);
    try {
      return await (await ready)(token);
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'UNAVAILABLE') ready = undefined;
      throw error;
    }
  };
}

async function discover(options: OidcOptions): Promise<CheckToken> {
  const { createRemoteJWKSet, errors, jwtVerify } = await import('jose');
  const address = `${options.issuer}/.well-known/openid-configuration`;
  const about = await fetch(address, { signal: AbortSignal.timeout(10_000) })
    .then((response) => (response.ok ? response.json() : undefined))
    .catch(() => undefined);
  const { jwks_uri, issuer } = (about ?? {}) as { jwks_uri?: string; issuer?: string };
  if (!jwks_uri || !issuer) {
    throw new SluiceError('UNAVAILABLE', `The sign-in service at ${address} does not answer as it should.`);
  }
  const keys = createRemoteJWKSet(new URL(jwks_uri));
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience: options.audience,
        // Signatures by a shared secret or by none are not the issuer's.
        algorithms: [
          'RS256',
          'RS384',
          'RS512',
          'PS256',
          'PS384',
          'PS512',
          'ES256',
          'ES384',
          'ES512',
          'EdDSA',
        ],
        requiredClaims: ['exp'],
      });
      const name = payload.email ?? payload.preferred_username ?? payload.sub ?? 'unknown';
      return { name: `oidc:${String(name)}`, roles: rolesOf(payload, options) };
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
        throw new SluiceError('UNAVAILABLE', 'The keys of the sign-in service cannot be read now.');
      }
      throw new SluiceError('UNAUTHENTICATED', `The token is not accepted: ${error.code}.`);
    }
  };
}

function rolesOf(payload: object, { claim, roles }: OidcOptions): string[] {
  let value: unknown = payload;
  const whole = (payload as Record<string, unknown>)[claim];
  if (whole !== undefined) value = whole;
  else for (const name of claim.split('.')) value = (value as Record<string, unknown> | undefined)?.[name];
  const values = Array.isArray(value) ? value : typeof value === 'string' ? value.split(' ') : [];
  return [...new Set(values.flatMap((each) => (Object.hasOwn(roles, each) ? roles[each]! : [])))];
}
