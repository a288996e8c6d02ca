import { SluiceError } from '../base/errors.ts';
import type { ServiceSettings } from '../config/settings.ts';

/** `service` of sluice.yaml, checked, with its defaults. */
export interface ServiceOptions {
  host: string;
  port: number;
  auth: 'none' | 'keys' | 'oidc';
  oidc: OidcOptions | undefined;
  /** The connection behind the export API and everything that is passed through. */
  weaviate: string | undefined;
  /** Who decides about exports of callers without a key of Sluice: Weaviate by the caller's own rights, or roles. */
  exportAuth: 'weaviate' | 'roles';
  /** The columns of exported files. */
  exportLayout: 'typed' | 'weaviate';
  hookSecret: string | undefined;
  /** Requests a minute of one caller. */
  rateLimit: number;
  /** Names under which the service is called, beside those of this machine's loopback (with `auth: none`). */
  hosts: string[];
  allow: { sources?: string[]; destinations?: string[] };
  notify: NotifyTarget[];
  gateway: boolean;
}

export interface OidcOptions {
  issuer: string;
  audience: string;
  /** The claim with the caller's groups; dots go into objects. */
  claim: string;
  /** A value of the claim → roles of Sluice. */
  roles: Record<string, string[]>;
}

export interface NotifyTarget {
  type: 'webhook' | 'slack';
  url: string;
  /** All when left out. */
  kinds?: string[];
  events?: ('failure' | 'recovery')[];
}

/** @throws SluiceError BAD_CONFIG with a sentence that says what to change */
export function serviceOptions(settings: ServiceSettings): ServiceOptions {
  const { host, port } = addressOf(settings.listen);
  if (settings.auth === 'none' && !isLoopback(host)) {
    throw bad(
      `service.listen is ${settings.listen}, which other machines can reach, and service.auth is none. Set service.auth to keys (and make one: sluice keys create) or oidc, or listen on 127.0.0.1`,
    );
  }
  if (settings.auth === 'oidc' && settings.oidc === undefined) {
    throw bad('service.auth is oidc: say service.oidc with issuer and audience');
  }
  return {
    host,
    port,
    auth: settings.auth,
    oidc: settings.oidc && {
      claim: 'roles',
      roles: {},
      ...settings.oidc,
      issuer: settings.oidc.issuer.replace(/\/+$/, ''),
    },
    weaviate: settings.weaviate,
    exportAuth: settings.export_auth ?? 'weaviate',
    exportLayout: settings.export_layout ?? 'weaviate',
    hookSecret: settings.hook_secret,
    rateLimit: settings.rate_limit ?? 3000,
    hosts: settings.hosts ?? [],
    allow: settings.allow ?? {},
    notify: settings.notify ?? [],
    gateway: settings.gateway ?? false,
  };
}

export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(host.replace(/^\[|\]$/g, ''));
}

function addressOf(listen: string): { host: string; port: number } {
  const at = listen.lastIndexOf(':');
  const host = listen.slice(0, at).replace(/^\[|\]$/g, '');
  const port = Number(listen.slice(at + 1));
  if (at < 0 || !/^\d{1,5}$/.test(listen.slice(at + 1)) || port > 65_535) {
    throw bad(`"${listen}" is no address to listen on; say host:port, such as 127.0.0.1:7070`);
  }
  return { host: host === '' ? '0.0.0.0' : host, port };
}

const bad = (why: string): SluiceError => new SluiceError('BAD_CONFIG', `${why}.`);
