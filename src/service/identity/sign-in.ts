import type { FastifyRequest } from 'fastify';
import { SluiceError } from '../../base/errors.ts';
import type { Sql } from '../../jobs/state/sql.ts';
import { isLoopback, type ServiceOptions } from '../settings.ts';
import { isSluiceKey, type Keys } from './keys.ts';
import { type CheckToken, oidcTokens } from './oidc.ts';
import { RateLimit } from './rate-limit.ts';
import { type Identity, type JobRole, requireJobs } from './roles.ts';

/**
 * Who a route is for: `public`, callers with a role, any caller that is known, or `own` where the route's own handler
 * decides.
 */
export type Access = 'public' | 'own' | 'known' | JobRole;

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Set where the route's access asks for it. */
    identity?: Identity;
  }
}

/** Sign-ins of one address that may fail in a minute. */
const FAILURES = 30;
const EVERYBODY: Identity = { name: 'anybody', roles: ['admin'] };

/** Finds out who calls, and turns away who may not. */
export class SignIn {
  readonly #options: ServiceOptions;
  readonly #keys: Keys;
  readonly #token: CheckToken | undefined;
  readonly #calls: RateLimit;
  readonly #failures: RateLimit;

  constructor(options: ServiceOptions, keys: Keys, sql: Sql) {
    this.#options = options;
    this.#keys = keys;
    this.#token = options.oidc && options.auth === 'oidc' ? oidcTokens(options.oidc) : undefined;
    this.#calls = new RateLimit(sql, 'calls', options.rateLimit);
    this.#failures = new RateLimit(sql, 'failures', FAILURES);
  }

  /** Before a route's handler. @throws SluiceError UNAUTHENTICATED, ACCESS_DENIED, THROTTLED */
  async check(request: FastifyRequest): Promise<void> {
    this.#checkBrowser(request);
    const access = request.routeOptions.config?.access ?? 'admin';
    if (access === 'public' || access === 'own') return;
    const identity = await this.identify(request);
    request.identity = identity;
    await this.limit(identity === EVERYBODY ? request.ip : identity.name);
    if (access !== 'known') requireJobs(identity, access);
  }

  /** @throws SluiceError UNAUTHENTICATED, THROTTLED, UNAVAILABLE */
  async identify(request: FastifyRequest): Promise<Identity> {
    if (this.#options.auth === 'none') return EVERYBODY;
    const token = bearerOf(request);
    if (token === undefined) {
      throw new SluiceError(
        'UNAUTHENTICATED',
        'Sign in with "Authorization: Bearer <key>"; keys are made by: sluice keys create',
      );
    }
    const identity = isSluiceKey(token)
      ? await this.#keys.identify(token)
      : await this.#byToken(token, request);
    if (identity) return identity;
    throw await this.#failed(request, 'The key is wrong, was revoked, or its time is over.');
  }

  /** The owner of a key of Sluice, where the caller shows one, however sign-in is set. @throws UNAUTHENTICATED */
  async byKey(request: FastifyRequest): Promise<Identity | undefined> {
    const token = bearerOf(request);
    if (token === undefined || !isSluiceKey(token)) return undefined;
    const identity = await this.#keys.identify(token);
    if (identity) return identity;
    throw await this.#failed(request, 'The key is wrong, was revoked, or its time is over.');
  }

  /** @throws SluiceError THROTTLED with the time to wait */
  async limit(caller: string): Promise<void> {
    refuse(await this.#calls.take(caller), 'Too many requests');
  }

  async #byToken(token: string, request: FastifyRequest): Promise<Identity | undefined> {
    try {
      return await this.#token?.(token);
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'UNAUTHENTICATED') {
        throw await this.#failed(request, error.message);
      }
      throw error;
    }
  }

  async #failed(request: FastifyRequest, message: string): Promise<SluiceError> {
    refuse(await this.#failures.take(request.ip), 'Too many failed sign-ins');
    return new SluiceError('UNAUTHENTICATED', message);
  }

  /**
   * Without sign-in, a web page that the user happens to visit must not reach the service through their browser: neither
   * under a name that someone made point at this machine, nor by a form that is sent from elsewhere.
   */
  #checkBrowser(request: FastifyRequest): void {
    if (this.#options.auth !== 'none') return;
    const { host = '', origin } = request.headers;
    const name = host.replace(/:\d+$/, '');
    if (!isLoopback(name) && !this.#options.hosts.includes(name)) {
      throw new SluiceError(
        'ACCESS_DENIED',
        `Nothing is served under the name "${name}": call 127.0.0.1 or localhost, or add the name to service.hosts.`,
      );
    }
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (!reads && origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw new SluiceError('ACCESS_DENIED', `Pages of ${origin} may not change anything here.`);
    }
  }
}

export function bearerOf(request: FastifyRequest): string | undefined {
  return /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

function refuse(wait: number | undefined, why: string): void {
  if (wait === undefined) return;
  throw new SluiceError('THROTTLED', `${why}; try again in ${wait} s.`, { retryAfter: wait * 1000 });
}
