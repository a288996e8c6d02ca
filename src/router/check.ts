import { randomUUID } from 'node:crypto';
import { isError, toSluiceError } from '../base/errors.ts';
import type { OpenStore } from '../stores/open.ts';
import type { Store } from '../stores/store.ts';
import type { RoutingConfig, Translation } from './mapping.ts';
import { targetOf, translate } from './mapping.ts';
import { containerEnd, openOwner } from './targets.ts';
import { splitUri } from './uri.ts';

/** What a target answered. */
export interface TargetCheck {
  /** Such as `mapping lakefs.1` or `default of s3a://`. */
  name: string;
  /** Where that is written. */
  origin: string;
  target: string;
  connection?: string;
  /** `skipped`: the target names no bucket, so there is nothing to ask. */
  result: 'ok' | 'failed' | 'skipped';
  /** A sentence for people. */
  message: string;
  /** The error's code, when it failed. */
  code?: string;
  /** Milliseconds. */
  took: number;
}

/**
 * Asks every target for one key under its prefix, with its own credentials, all at once.
 * A default is asked for a bucket that the configuration names, and is well when it says that there is none.
 * @param options.write also puts a small object of a random name under each mapping's prefix and removes it
 */
export function checkTargets(
  config: RoutingConfig,
  open: OpenStore,
  options: { write?: boolean; signal?: AbortSignal },
): Promise<TargetCheck[]> {
  const targets: Asked[] = config.mappings.map((mapping) => {
    const { authority, key } = splitUri(mapping.replace)!;
    return {
      name: `mapping ${mapping.name}`,
      origin: mapping.origin,
      // Where a prefix ends in a bucket's name, the bucket of just that name stands for all.
      target: targetOf(config, mapping, authority !== '' && key === undefined ? '/' : ''),
      optional: false,
    };
  });
  for (const [scheme, { origin }] of Object.entries(config.defaults)) {
    const bucket = knownBucket(config, scheme);
    const unmapped = { ...config, mappings: [] };
    const target = translate(unmapped, bucket === undefined ? `${scheme}://` : `${scheme}://${bucket}/`);
    targets.push({ name: `default of ${scheme}://`, origin, target, optional: true });
  }
  return Promise.all(targets.map((target) => checkTarget(config, open, target, options)));
}

async function firstOf(
  store: Store,
  prefix: string,
  { signal }: { signal?: AbortSignal },
): Promise<'some' | 'none'> {
  for await (const page of store.list({ prefix, pageSize: 1, signal })) {
    if (page.objects.length > 0) return 'some';
  }
  return 'none';
}

interface Asked {
  name: string;
  origin: string;
  target: Translation;
  /** The container need not exist: an answer is enough. */
  optional: boolean;
}

/** A bucket of the scheme that the configuration names. */
function knownBucket(config: RoutingConfig, scheme: string): string | undefined {
  const named = [
    ...config.mappings.map(({ replace }) => replace),
    ...config.clients.flatMap(({ allow }) => allow.map(({ prefix }) => prefix)),
  ];
  return named.map((uri) => splitUri(uri)!).find((parts) => parts.scheme === scheme && parts.authority !== '')
    ?.authority;
}

async function checkTarget(
  config: RoutingConfig,
  open: OpenStore,
  { name, origin, target, optional }: Asked,
  options: { write?: boolean; signal?: AbortSignal },
): Promise<TargetCheck> {
  const begun = performance.now();
  const answer = (result: TargetCheck['result'], message: string, code?: string): TargetCheck => ({
    name,
    origin,
    target: target.uri,
    connection: target.connection,
    result,
    message,
    code,
    took: Math.round(performance.now() - begun),
  });
  if (containerEnd(config, target) === undefined) {
    return answer('skipped', 'It names no bucket; keys do.');
  }
  try {
    const rule = { prefix: '', target: () => target };
    const { store, targetPrefix: prefix } = await openOwner(config, open, rule, '', false);
    const found = optional
      ? await firstOf(store, prefix, options)
      : await firstOf(store, prefix, options).catch((error: unknown) => {
          if (store.kind !== 'file' || !isError(error, 'NOT_FOUND')) throw error;
          return 'absent' as const;
        });
    if (options.write && !optional) {
      const key = `${prefix}.sluice-check-${randomUUID()}`;
      await store.put(key, new Uint8Array(0), { size: 0, signal: options.signal });
      await store.delete(key, { signal: options.signal });
    }
    const what = options.write && !optional ? 'can be listed, written and deleted' : 'can be listed';
    if (found === 'absent' && !options.write) {
      return answer('ok', 'the folder is not there yet; the first write makes it');
    }
    return answer('ok', `${what}${found === 'some' ? '' : '; it is empty'}`);
  } catch (error) {
    const failure = toSluiceError(error);
    if (optional && isError(failure, 'NOT_FOUND')) {
      return answer('ok', `answers, and has no such bucket: ${failure.message}`);
    }
    const hint = isError(failure, 'ACCESS_DENIED', 'UNAUTHENTICATED')
      ? ` Check the credentials of connection "${target.connection ?? 'from the environment'}".`
      : '';
    return answer('failed', failure.message + hint, failure.code);
  }
}
