import { request } from 'undici';
import { SluiceError } from '../../base/errors.ts';
import type { WeaviateConnection } from './connection.ts';

/** How tokens are got from the issuer that a Weaviate trusts (OAuth 2.0, RFC 6749). Secret. */
export interface OidcCredentials {
  /** Of a person's sign-in: gives new tokens when the old one runs out. */
  refreshToken?: string;
  /** Of a program. */
  clientId?: string;
  clientSecret?: string;
  /** Asked for besides what the server names; separated by spaces. */
  scope?: string;
}

/** A token is renewed this long before it runs out, milliseconds. */
const EARLY = 30_000;
/** Of an issuer that does not say how long a token lives, milliseconds. */
const LIFETIME = 300_000;

/**
 * The bearer token of calls. An API key, or a token that was given without the means to renew it, stays as it
 * is; others are got from the issuer that the Weaviate names in `/v1/.well-known/openid-configuration`.
 */
export class SignIn {
  readonly #url: string;
  readonly #oidc: OidcCredentials | undefined;
  #token: string | undefined;
  #until = Number.POSITIVE_INFINITY;
  #refreshToken: string | undefined;
  #renewing: Promise<void> | undefined;

  constructor({ url, token, oidc }: WeaviateConnection) {
    this.#url = url;
    this.#token = token;
    this.#oidc = oidc;
    this.#refreshToken = oidc?.refreshToken;
    if (oidc && token === undefined) this.#until = 0;
  }

  /** @returns undefined for anonymous access. @throws SluiceError UNAUTHENTICATED, CONNECTION, UNAVAILABLE */
  async token(): Promise<string | undefined> {
    if (Date.now() > this.#until) await this.#renew();
    return this.#token;
  }

  /** After the server refused a token: gets another one. @returns whether there is one to try again with */
  async another(refused: string | undefined): Promise<boolean> {
    if (!this.#oidc) return false;
    // Of calls that were refused together, the first gets the token for all.
    if (this.#token === refused) await this.#renew();
    return true;
  }

  async #renew(): Promise<void> {
    this.#renewing ??= this.#get().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  async #get(): Promise<void> {
    const { clientId, clientSecret, scope } = this.#oidc!;
    const known = await this.#json(`${this.#url}/v1/.well-known/openid-configuration`);
    const issuer = await this.#json(String(known.href));
    const form = new URLSearchParams({ client_id: clientId ?? String(known.clientId ?? '') });
    if (clientSecret !== undefined) form.set('client_secret', clientSecret);
    if (this.#refreshToken === undefined) form.set('grant_type', 'client_credentials');
    else {
      form.set('grant_type', 'refresh_token');
      form.set('refresh_token', this.#refreshToken);
    }
    const scopes = [...(Array.isArray(known.scopes) ? known.scopes : []), ...(scope?.split(' ') ?? [])];
    if (scopes.length > 0) form.set('scope', [...new Set(scopes)].join(' '));
    const answer = await this.#json(String(issuer.token_endpoint), form);
    const { access_token: token, expires_in: seconds, refresh_token: next } = answer;
    if (typeof token !== 'string') {
      throw new SluiceError('PROTOCOL', `The issuer of ${this.#url} answered a sign-in without a token.`);
    }
    this.#token = token;
    if (typeof next === 'string') this.#refreshToken = next;
    const lifetime = typeof seconds === 'number' ? seconds * 1000 : LIFETIME;
    // A token that lives shorter than that is used for half its life.
    this.#until = Date.now() + Math.max(lifetime - EARLY, lifetime / 2);
  }

  async #json(url: string, form?: URLSearchParams): Promise<Record<string, unknown>> {
    const refused = (code: 'UNAUTHENTICATED' | 'UNAVAILABLE' | 'CONNECTION', why: string, cause?: unknown) =>
      new SluiceError(code, `No token for ${this.#url} could be got at ${url}: ${why}.`, { cause });
    if (!/^https?:\/\//i.test(url)) {
      throw refused('UNAUTHENTICATED', 'the server names no issuer; is OIDC configured there');
    }
    let status: number;
    let text: string;
    try {
      const answer = await request(url, {
        method: form ? 'POST' : 'GET',
        ...(form
          ? { body: form.toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' } }
          : {}),
        headersTimeout: 30_000,
        bodyTimeout: 30_000,
      });
      status = answer.statusCode;
      text = await answer.body.text();
    } catch (error) {
      throw refused('CONNECTION', (error as Error).message, error);
    }
    if (status === 429 || status >= 500) throw refused('UNAVAILABLE', `it answered ${status}`);
    if (status >= 300) {
      // What the issuer says names no secret (RFC 6749, 5.2); its first words are enough.
      const said = /"error(?:_description)?"\s*:\s*"([^"]{1,200})"/.exec(text)?.[1];
      throw refused('UNAUTHENTICATED', `it answered ${status}${said ? ` (${said})` : ''}`);
    }
    try {
      return JSON.parse(text) as Record<string, unknown>;
    } catch {
      throw refused('UNAUTHENTICATED', 'the answer is no JSON');
    }
  }
}
