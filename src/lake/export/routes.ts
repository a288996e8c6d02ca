import { isError, SluiceError } from '../../base/errors.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { Location } from '../../stores/open.ts';
import type { Store } from '../../stores/store.ts';
import { parsePhysicalAddress } from '../client/address.ts';
import type { LakeEntry } from '../client/entry.ts';
import type { LakeExportSpec, Via } from './spec.ts';

export type Route = Exclude<Via, 'auto'>;

/** What decides how bytes can go. */
export interface RouteSetting {
  spec: LakeExportSpec;
  destination: Store;
  /** lakeFS hands out presigned addresses. */
  presign: boolean;
}

/**
 * Finds, for each bucket or container that the lake's objects lie in, the shortest way that works: a copy
 * inside the provider, straight from the object store with credentials of our own, by presigned address, or
 * through lakeFS. What turns out to be forbidden is not tried again for that container.
 */
export class Routes {
  readonly #setting: RouteSetting;
  readonly #context: JobContext;
  readonly #containers = new Map<string, { routes: Route[]; worked: boolean }>();

  constructor(setting: RouteSetting, context: JobContext) {
    this.#setting = setting;
    this.#context = context;
  }

  /** The ways to try for this entry, best first. @throws SluiceError UNSUPPORTED when the forced way cannot work here */
  async routesFor(entry: LakeEntry): Promise<readonly Route[]> {
    const container = containerOf(entry);
    let known = this.#containers.get(container);
    if (!known) {
      known = { routes: await this.#candidates(entry), worked: false };
      this.#containers.set(container, known);
    }
    return known.routes;
  }

  succeeded(entry: LakeEntry): void {
    const known = this.#containers.get(containerOf(entry));
    if (known) known.worked = true;
  }

  /**
   * Says that a way failed for this entry.
   * @returns whether the next way may be tried for it
   */
  failed(entry: LakeEntry, route: Route, error: unknown): boolean {
    const known = this.#containers.get(containerOf(entry));
    if (!known || this.#setting.spec.via !== 'auto') return false;
    const refused =
      isError(error, 'ACCESS_DENIED', 'UNAUTHENTICATED', 'UNSUPPORTED') && !this.#ofDestination(error, route);
    const unreachable = !known.worked && isError(error, 'CONNECTION', 'TIMEOUT', 'NOT_FOUND', 'BAD_CONFIG');
    if (!refused && !unreachable) return false;
    // Another object may have closed it in the meantime; then the next way is open to this one, too.
    if (!known.routes.includes(route)) return true;
    if (known.routes.length === 1) return false;
    known.routes = known.routes.filter((each) => each !== route);
    this.#context.log.info(
      { container: containerOf(entry), route, code: (error as SluiceError).code },
      'this way is closed; going on by the next',
    );
    return true;
  }

  /** The object store that holds an entry. */
  open(entry: LakeEntry): Promise<Location> {
    const { kind, uri } = parsePhysicalAddress(entry.physicalAddress)!;
    const { destination, spec } = this.#setting;
    const own = this.#context.connections.forUri(uri);
    const borrowed = own === undefined && kind === destination.kind ? spec.destinationConnection : undefined;
    return this.#context.open(uri, { connection: borrowed });
  }

  /** A write that was refused closes no way of reading; of a copy nobody can tell which side refused. */
  #ofDestination(error: SluiceError, route: Route): boolean {
    return route !== 'copy' && (error as { store?: string }).store === this.#setting.destination.name;
  }

  async #candidates(entry: LakeEntry): Promise<Route[]> {
    const { spec, destination, presign } = this.#setting;
    const openable = await this.#openable(entry);
    const possible: Route[] = [];
    if (openable && destination.canCopyFrom(openable)) possible.push('copy');
    if (openable) possible.push('store');
    if (presign) possible.push('presign');
    possible.push('lakefs');
    if (spec.via === 'auto') return possible;
    if (possible.includes(spec.via)) return [spec.via];
    const why = {
      copy: `${destination.name} cannot copy from ${containerOf(entry)} inside the provider with the credentials given`,
      store: `there are no credentials for ${containerOf(entry)}; give it a connection under "use"`,
      presign: 'this lakeFS does not hand out presigned addresses',
      lakefs: '',
    }[spec.via];
    throw new SluiceError(
      'UNSUPPORTED',
      `--via ${spec.via} cannot be used: ${why}. Leave --via out to take the best way there is.`,
    );
  }

  /** The store behind an entry, where there is reason to believe that we may read it. */
  async #openable(entry: LakeEntry): Promise<Store | undefined> {
    const address = parsePhysicalAddress(entry.physicalAddress);
    if (!address) return undefined;
    const forced = this.#setting.spec.via === 'copy' || this.#setting.spec.via === 'store';
    const own = this.#context.connections.forUri(address.uri) !== undefined;
    // A local block store's paths are those of lakeFS's machine, which need not be this one.
    const expected = address.kind === this.#setting.destination.kind || ambientCredentials(address.kind);
    if (!own && !forced && (!expected || address.kind === 'file')) return undefined;
    try {
      return (await this.open(entry)).store;
    } catch (error) {
      this.#context.log.debug(
        { code: (error as SluiceError).code },
        `the object store of ${containerOf(entry)} cannot be opened`,
      );
      return undefined;
    }
  }
}

/** Whether the environment names credentials for this kind of store, so that trying them is worth the time. */
function ambientCredentials(kind: string): boolean {
  const { env } = process;
  if (kind === 's3') return env.AWS_ACCESS_KEY_ID !== undefined || env.AWS_PROFILE !== undefined;
  if (kind === 'gcs') return env.GOOGLE_APPLICATION_CREDENTIALS !== undefined;
  return (
    kind === 'azure' &&
    (env.AZURE_STORAGE_ACCOUNT !== undefined || env.AZURE_STORAGE_CONNECTION_STRING !== undefined)
  );
}

/** Names the bucket or container that an object lies in; '' for a kind of store that is not known. */
function containerOf(entry: LakeEntry): string {
  const address = parsePhysicalAddress(entry.physicalAddress);
  return address ? `${address.kind}:${address.container}` : '';
}
