import { randomUUID } from 'node:crypto';
import { isError, toSluiceError } from '../base/errors.ts';
import type { OpenStore } from '../stores/open.ts';
import type { RoutingConfig, Translation } from './mapping.ts';
import { targetOf } from './mapping.ts';
import { containerEnd, openOwner } from './targets.ts';

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
 * @param options.write also puts a small object of a random name under each prefix and removes it
 */
export function checkTargets(
  config: RoutingConfig,
  open: OpenStore,
  options: { write?: boolean; signal?: AbortSignal },
): Promise<TargetCheck[]> {
  const targets = [
    ...config.mappings.map((mapping) => ({
      name: `mapping ${mapping.name}`,
      origin: mapping.origin,
      target: targetOf(config, mapping, ''),
    })),
    ...Object.entries(config.defaults).map(([scheme, fallback]) => ({
      name: `default of ${scheme}://`,
      origin: fallback.origin,
      target: { default: fallback, uri: fallback.with, connection: defaultConnection(config, fallback) },
    })),
  ];
  return Promise.all(targets.map((target) => checkTarget(config, open, target, options)));
}

const defaultConnection = (
  config: RoutingConfig,
  { with: uri, connection }: { with: string; connection?: string },
): string | undefined => connection ?? config.use[uri];

async function checkTarget(
  config: RoutingConfig,
  open: OpenStore,
  { name, origin, target }: { name: string; origin: string; target: Translation },
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
    return answer('skipped', `${target.uri} names no bucket; keys do.`);
  }
  try {
    const rule = { prefix: '', target: () => target };
    const { store, targetPrefix: prefix } = await openOwner(config, open, rule, '', false);
    let objects = 0;
    for await (const page of store.list({ prefix, pageSize: 1, signal: options.signal })) {
      objects += page.objects.length;
      break;
    }
    if (options.write) {
      const key = `${prefix}.sluice-check-${randomUUID()}`;
      await store.put(key, new Uint8Array(0), { size: 0, signal: options.signal });
      await store.delete(key, { signal: options.signal });
    }
    const what = options.write ? 'can be listed, written and deleted' : 'can be listed';
    return answer('ok', `${what}${objects === 0 ? '; it is empty' : ''}`);
  } catch (error) {
    const failure = toSluiceError(error);
    const hint = isError(failure, 'ACCESS_DENIED', 'UNAUTHENTICATED')
      ? ` Check the credentials of connection "${target.connection ?? 'from the environment'}".`
      : '';
    return answer('failed', failure.message + hint, failure.code);
  }
}
