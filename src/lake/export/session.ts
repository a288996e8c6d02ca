import { isError } from '../../base/errors.ts';
import type { JobContext } from '../../jobs/kind.ts';
import { openFolder } from '../../stores/folder.ts';
import { LakeClient } from '../client/client.ts';
import { parseLakefsConnection } from '../client/connection.ts';
import type { LakeEntry } from '../client/entry.ts';
import { openBranchSnapshot, openSnapshot } from '../snapshot/open.ts';
import type { Change, CommitSnapshot, KeyRange } from '../snapshot/snapshot.ts';
import { isOfParts } from './combined.ts';
import { type Move, Mover, type ReadBytes } from './mover.ts';
import type { PinnedExport } from './pinned.ts';
import { PresignedWindow } from './presigned.ts';
import { Routes } from './routes.ts';
import type { LakeExportSpec } from './spec.ts';
import type { Placement, KeyRange as Range } from './walk.ts';

/** The lakeFS that a spec names: its connection, else the one for its URI, else the environment's. */
export function clientFor(spec: LakeExportSpec, context: JobContext): LakeClient {
  const { connections } = context;
  const connection =
    spec.lakeConnection === undefined
      ? connections.forUri(spec.source)
      : connections.named(spec.lakeConnection);
  return new LakeClient(parseLakefsConnection(connection));
}

/** What the parts of one export share in a process: the lake's client and snapshots, the destination, the ways. */
export class Session {
  readonly placement: Placement;
  readonly routes: Routes;
  readonly #client: LakeClient;
  readonly #pinned: PinnedExport;
  readonly #context: JobContext;
  readonly #snapshots = new Map<string, Promise<CommitSnapshot>>();

  private constructor(client: LakeClient, pinned: PinnedExport, placement: Placement, context: JobContext) {
    this.#client = client;
    this.#pinned = pinned;
    this.#context = context;
    this.placement = placement;
    this.routes = new Routes(
      { spec: pinned.spec, destination: placement.store, presign: pinned.presign },
      context,
    );
  }

  static async open(pinned: PinnedExport, context: JobContext): Promise<Session> {
    const { spec, folder, mode } = pinned;
    const connection = spec.destinationConnection;
    const placement = { ...(await openFolder(context.open, spec.destination, { connection })), folder };
    const session = new Session(clientFor(spec, context), pinned, placement, context);
    // Read meanwhile; what is wrong comes out where it is used.
    if (mode !== 'nothing') session.#snapshot().catch(() => {});
    return session;
  }

  /** Entries of the exported commit, in key order. */
  async *entries(range: Range, signal: AbortSignal): AsyncGenerator<LakeEntry[]> {
    yield* (await this.#snapshot()).entries({ ...this.#window(range), signal });
  }

  /** How many objects there are to look at; undefined where that would take a listing. */
  async size(signal: AbortSignal): Promise<number | undefined> {
    if ((await this.#snapshot()).from !== 'metadata') return undefined;
    let objects = 0;
    for await (const range of this.split(Number.MAX_SAFE_INTEGER, signal)) objects += range.objects;
    return objects;
  }

  async *split(target: number, signal: AbortSignal): AsyncGenerator<KeyRange> {
    yield* (await this.#snapshot()).split(target, { ...this.#window({}), signal });
  }

  /** What leads from an earlier commit to the exported one. */
  async *changes(base: string, range: Range, signal: AbortSignal): AsyncGenerator<Change[]> {
    const [snapshot, before] = await Promise.all([
      this.#snapshot(),
      this.#kept(base, () => this.#open(base)),
    ]);
    yield* snapshot.diff(before, { ...this.#window(range), signal });
  }

  /** What an earlier commit had under a path. */
  async entryAt(commit: string, path: string): Promise<LakeEntry | undefined> {
    try {
      return await this.#client.stat(this.#pinned.repository, commit, path, { signal: this.#context.signal });
    } catch (error) {
      if (isError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** Where the ref points now; undefined when that can't be told any more. */
  async currentCommit(): Promise<string | undefined> {
    try {
      return (await this.#client.commit(this.#pinned.repository, this.#pinned.ref)).id;
    } catch {
      return undefined;
    }
  }

  /** Moves the objects of one part. */
  mover(context: JobContext): Move {
    const read = this.#reader();
    const isOfParts = (entry: LakeEntry) => this.isOfParts(entry, context.signal, read);
    const mover = new Mover(this.placement, this.routes, read, isOfParts, context);
    return (entry) => mover.move(entry);
  }

  /** Whether an entry's checksum, which looks like an MD5 and is not that of its bytes, is of parts. */
  isOfParts(entry: LakeEntry, signal: AbortSignal, read = this.#reader()): Promise<boolean> {
    const presignedTag = (asked: LakeEntry) => this.#presignedTag(asked, signal);
    return isOfParts(entry, { routes: this.routes, read, presignedTag }, signal);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** What is read: the pinned commit, or the branch with what is staged on it. */
  get #ref(): string {
    const { spec, ref, commit } = this.#pinned;
    return spec.uncommitted ? ref : commit;
  }

  #reader(): ReadBytes {
    const { repository } = this.#pinned;
    const ref = this.#ref;
    const client = this.#client;
    const presigned = new PresignedWindow(
      async (after, amount) =>
        (await client.listPage(repository, ref, { after, amount, presign: true })).entries,
    );
    return async (entry, route, range, signal) => {
      if (route === 'lakefs') return (await client.get(repository, ref, entry.path, { range, signal })).body;
      if (route === 'store') {
        const { store, path } = await this.routes.open(entry);
        return (await store.get(path, { range, signal })).body;
      }
      return presigned.open(
        entry,
        async (url) =>
          (
            await client.getPresigned(
              url,
              { store: `lakefs://${repository}/${ref}`, key: entry.path },
              { range, signal },
            )
          ).body,
      );
    };
  }

  /** The tag that the object store itself has for an entry's bytes. */
  async #presignedTag(entry: LakeEntry, signal: AbortSignal): Promise<string | undefined> {
    const { repository } = this.#pinned;
    const ref = this.#ref;
    const { presignedUrl } = await this.#client.stat(repository, ref, entry.path, { presign: true, signal });
    if (presignedUrl === undefined) return undefined;
    const what = { store: `lakefs://${repository}/${ref}`, key: entry.path };
    const range = { start: 0, end: 0 };
    const { body, etag } = await this.#client.getPresigned(presignedUrl, what, { range, signal });
    body.destroy();
    return etag;
  }

  #window(range: Range): Range & { prefix?: string } {
    return {
      after: range.after,
      until: range.until,
      prefix: this.#pinned.folder + this.#pinned.spec.prefix || undefined,
    };
  }

  #snapshot(): Promise<CommitSnapshot> {
    const { spec, repository, ref, commit } = this.#pinned;
    return this.#kept('', () =>
      spec.uncommitted
        ? openBranchSnapshot(this.#client, repository, ref, { onFallback: this.#onFallback(commit) })
        : this.#open(commit),
    );
  }

  #open(commit: string): Promise<CommitSnapshot> {
    const { repository, metaRanges, namespace, presign } = this.#pinned;
    return openSnapshot(this.#client, repository, commit, {
      known: { metaRangeId: metaRanges[commit], namespace, presign },
      onFallback: this.#onFallback(commit),
    });
  }

  #onFallback(commit: string): (error: unknown) => void {
    return (error) =>
      this.#context.log.warn(
        { commit, error: (error as Error).message },
        'committed metadata cannot be read; going on by listings',
      );
  }

  /** Opened once, and again after a failure. */
  #kept(name: string, open: () => Promise<CommitSnapshot>): Promise<CommitSnapshot> {
    let snapshot = this.#snapshots.get(name);
    if (!snapshot) {
      snapshot = open();
      this.#snapshots.set(name, snapshot);
      snapshot.catch(() => this.#snapshots.delete(name));
    }
    return snapshot;
  }
}
