import type { OpenStore } from '../stores/open.ts';
import type { Store } from '../stores/store.ts';
import { RouterBucket } from './bucket.ts';
import { checkTargets, type TargetCheck } from './check.ts';
import { type Explanation, explainUri } from './explain.ts';
import { Layout, type ListContainers } from './layout.ts';
import type { RoutingConfig } from './mapping.ts';
import { schemesOf } from './mapping.ts';
import { splitUri } from './uri.ts';

/** A visible bucket. */
export interface BucketName {
  scheme: string;
  bucket: string;
}

export interface Router {
  readonly config: RoutingConfig;
  /** The schemes it takes, in lower case. */
  readonly schemes: ReadonlySet<string>;

  /**
   * One visible bucket as a Store; the same bucket gives the same Store. A target that is out of reach
   * while others are not fails only the keys that are its own.
   * @throws SluiceError BAD_URI: the scheme is not routed; BAD_CONFIG: a target cannot be opened
   */
  bucket(scheme: string, bucket: string): Promise<Store>;

  /**
   * The buckets that mappings name, and those of defaults and of whole-scheme mappings where the router
   * was given a way to list containers; in order, each once.
   */
  buckets(scheme?: string): Promise<BucketName[]>;

  /** Which mapping takes a URI, and why. @throws SluiceError BAD_URI */
  explain(uri: string): Explanation;

  /** Asks every target for one key, with its own credentials; `write` also puts and removes a small object. */
  check(options?: { write?: boolean; signal?: AbortSignal }): Promise<TargetCheck[]>;
}

export interface RouterOptions {
  containers?: ListContainers;
}

/** So many buckets are kept open; clients may name any number. */
const KEPT = 1000;
/** Milliseconds until a bucket is opened again that had a target out of reach. */
const TRY_AGAIN = 10_000;

/**
 * Makes a router of a configuration.
 * @param open opens targets with the connections of `config` (storeOpener with connectionsOf(config.connections, config.use))
 */
export function createRouter(config: RoutingConfig, open: OpenStore, options: RouterOptions = {}): Router {
  /** The one used last comes last. */
  const buckets = new Map<string, Promise<Store>>();
  let last = '';

  const bucket = (scheme: string, name: string): Promise<Store> => {
    const id = `${scheme.toLowerCase()}://${name}`;
    const kept = buckets.get(id);
    if (kept) {
      if (id !== last) {
        buckets.delete(id);
        buckets.set(id, kept);
        last = id;
      }
      return kept;
    }
    const opened = Layout.open(config, open, scheme.toLowerCase(), name, options.containers).then(
      (layout) => {
        if (!layout.complete) {
          setTimeout(() => {
            if (buckets.get(id) === opened) buckets.delete(id);
          }, TRY_AGAIN).unref();
        }
        return new RouterBucket(layout);
      },
    );
    buckets.set(id, opened);
    last = id;
    opened.catch(() => buckets.delete(id));
    if (buckets.size > KEPT) buckets.delete(buckets.keys().next().value!);
    return opened;
  };

  return {
    config,
    schemes: schemesOf(config),
    bucket,
    buckets: (scheme) => visibleBuckets(config, options.containers, scheme?.toLowerCase()),
    explain: (uri) => explainUri(config, uri),
    check: (checkOptions = {}) => checkTargets(config, open, checkOptions),
  };
}

async function visibleBuckets(
  config: RoutingConfig,
  containers: ListContainers | undefined,
  only: string | undefined,
): Promise<BucketName[]> {
  const found = new Map<string, BucketName>();
  const add = (scheme: string, bucket: string): void => {
    if (bucket !== '' && (only === undefined || only === scheme)) {
      found.set(`${scheme}://${bucket}`, { scheme, bucket });
    }
  };
  for (const { replace } of config.mappings) {
    const { scheme, authority, key } = splitUri(replace)!;
    if (key !== undefined) add(scheme, authority);
  }
  if (containers) {
    const whole = [
      ...Object.entries(config.defaults).map(([scheme, target]) => ({ scheme, ...target })),
      ...config.mappings
        .filter(({ replace }) => replace.endsWith('://'))
        .map((mapping) => ({ ...mapping, scheme: splitUri(mapping.replace)!.scheme })),
    ];
    for (const { scheme, with: uri, connection } of whole) {
      if (!uri.endsWith('://')) continue;
      for await (const container of containers(uri, { connection })) add(scheme, container.slice(uri.length));
    }
  }
  return [...found.keys()].sort().map((id) => found.get(id)!);
}
