import { SluiceError } from '../../base/errors.ts';
import type { S3CredentialSettings } from './settings.ts';

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
  /** After this they are refused. */
  expiration?: Date | undefined;
}

/** Where requests get their credentials. */
export interface CredentialSource {
  /** Equal for two sources that speak for the same account in the same way; holds no secret. */
  readonly identity: string;
  /** Undefined: requests go unsigned. A promise only while new ones are fetched. @throws UNAUTHENTICATED */
  current(): S3Credentials | undefined | Promise<S3Credentials>;
  /** Called when these were refused as expired. False: there are no others to be had. */
  renew(refused: S3Credentials): boolean;
}

/** Credentials are renewed this long before they end, in milliseconds. */
const MARGIN = 5 * 60_000;

export function credentialSource(settings: S3CredentialSettings): CredentialSource {
  if (settings.kind === 'anonymous') {
    return { identity: 'anonymous', current: () => undefined, renew: () => false };
  }
  if (settings.kind === 'static') {
    const { kind: _, ...credentials } = settings;
    return {
      identity: `key ${credentials.accessKeyId}`,
      current: () => credentials,
      renew: () => false,
    };
  }
  const { profile, roleArn, externalId, sessionName } = settings;
  return new RenewedCredentials(
    `chain ${JSON.stringify([profile, roleArn, externalId])}`,
    providerOf(profile, roleArn, externalId, sessionName),
  );
}

/** Credentials that end and are fetched again, by one fetch at a time whoever waits. */
export class RenewedCredentials implements CredentialSource {
  readonly identity: string;
  readonly #provider: () => Promise<S3Credentials>;
  #held: S3Credentials | undefined;
  #renewAt = 0;
  #fetching: Promise<S3Credentials> | undefined;

  constructor(identity: string, provider: () => Promise<S3Credentials>) {
    this.identity = identity;
    this.#provider = provider;
  }

  current(): S3Credentials | Promise<S3Credentials> {
    const held = this.#held;
    if (held === undefined) return this.#fetch();
    const now = Date.now();
    if (now < this.#renewAt) return held;
    const fetching = this.#fetch();
    // While the old ones still work nobody waits, and a fetch that fails is tried again.
    if (held.expiration && now < held.expiration.getTime() - 10_000) {
      fetching.catch(() => undefined);
      return held;
    }
    return fetching;
  }

  renew(refused: S3Credentials): boolean {
    if (this.#held === refused) this.#held = undefined;
    return true;
  }

  #fetch(): Promise<S3Credentials> {
    this.#fetching ??= this.#provider()
      .then(
        (credentials) => {
          this.#held = credentials;
          this.#renewAt = credentials.expiration
            ? credentials.expiration.getTime() - MARGIN
            : Number.POSITIVE_INFINITY;
          return credentials;
        },
        (error: unknown) => {
          throw new SluiceError(
            'UNAUTHENTICATED',
            `No AWS credentials could be had: ${(error as Error).message.replace(/[.\s]*$/, '.')} Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, sign in (aws sso login), or name a connection with access_key_id and secret_access_key, or anonymous: true.`,
            { cause: error },
          );
        },
      )
      .finally(() => {
        this.#fetching = undefined;
      });
    return this.#fetching;
  }
}

/** The SDK's chain, loaded on first use only: it is slow to load, and most connections have keys. */
function providerOf(
  profile: string | undefined,
  roleArn: string | undefined,
  externalId: string | undefined,
  sessionName: string | undefined,
): () => Promise<S3Credentials> {
  let provider: ((options?: { forceRefresh?: boolean }) => Promise<S3Credentials>) | undefined;
  return async () => {
    if (!provider) {
      const aws = await import('@aws-sdk/credential-providers');
      const chain = aws.fromNodeProviderChain(profile === undefined ? {} : { profile });
      provider =
        roleArn === undefined
          ? chain
          : aws.fromTemporaryCredentials({
              masterCredentials: chain,
              params: {
                RoleArn: roleArn,
                RoleSessionName: sessionName ?? 'sluice',
                ...(externalId !== undefined && { ExternalId: externalId }),
              },
            });
    }
    return provider({ forceRefresh: true });
  };
}
