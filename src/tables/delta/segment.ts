import { SluiceError } from '../../base/errors.ts';
import { readAll } from '../../stores/read.ts';
import type { ObjectInfo, Store } from '../../stores/store.ts';

/** Files of a log that together say what one version of the table is (protocol, "Snapshot"). */
export interface LogSegment {
  version: number;
  checkpoint?: Checkpoint;
  /** After the checkpoint, ascending, without a gap. */
  commits: CommitFile[];
}

export interface Checkpoint {
  version: number;
  files: LogFile[];
}

export interface LogFile {
  key: string;
  size: number;
  etag?: string;
  modified?: number;
}

/** A commit, or several compacted into one file. */
export interface CommitFile extends LogFile {
  from: number;
  to: number;
}

export const versionName = (version: number): string => String(version).padStart(20, '0');

/** @param root the table's folder: '' or ending with '/' */
export const logFolder = (root: string): string => `${root}_delta_log/`;
export const commitKey = (root: string, version: number): string =>
  `${logFolder(root)}${versionName(version)}.json`;
export const lastCheckpointKey = (root: string): string => `${logFolder(root)}_last_checkpoint`;

/**
 * The newest version of a log. `_last_checkpoint` only shortens the listing of a long log: a wrong or missing one
 * costs time, nothing else.
 * @param root the table's folder: '' or ending with '/'
 * @throws SluiceError NOT_FOUND when there is no log, CORRUPT when versions are missing from it
 */
export async function findSegment(store: Store, root: string, signal?: AbortSignal): Promise<LogSegment> {
  let files: ObjectInfo[] = [];
  let pages = 0;
  for await (const page of logPages(store, root, undefined, signal)) {
    files.push(...page);
    if (++pages === 2) {
      const hint = await lastCheckpoint(store, root, signal);
      if (hint !== undefined && files.every((file) => versionOf(root, file.key) < hint)) {
        const later = await collect(logPages(store, root, hint, signal));
        if (newestCheckpoint(root, later)) return assemble(store, root, later)!;
      }
    }
  }
  const segment = assemble(store, root, files);
  files = [];
  if (!segment) {
    throw new SluiceError(
      'NOT_FOUND',
      `${store.name}/${root} holds no Delta table: there is no version in ${logFolder(root)}.`,
    );
  }
  return segment;
}

/** Commits after a version, each a file of its own; [] when there is none. */
export async function commitsAfter(
  store: Store,
  root: string,
  version: number,
  signal?: AbortSignal,
): Promise<CommitFile[]> {
  const files = await collect(logPages(store, root, version + 1, signal));
  return files.flatMap((file) => {
    const commit = asCommit(root, file);
    return commit && commit.from === commit.to ? [commit] : [];
  });
}

async function* logPages(
  store: Store,
  root: string,
  fromVersion: number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectInfo[]> {
  const prefix = logFolder(root);
  const startAfter = fromVersion === undefined ? undefined : `${prefix}${versionName(fromVersion)}`;
  for await (const page of store.list({ prefix, startAfter, pageSize: 1000, signal })) {
    // Names of versions start with a digit and sort before `_sidecars/`, which can be long.
    const files = page.objects.filter((file) => /^\d{20}\./.test(file.key.slice(prefix.length)));
    yield files;
    const last = page.objects.at(-1)?.key.slice(prefix.length);
    if (last !== undefined && last[0]! > '9') return;
  }
}

async function collect<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

async function lastCheckpoint(
  store: Store,
  root: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  try {
    const { body } = await store.get(lastCheckpointKey(root), { signal });
    const text = (await readAll(body)).toString();
    const version = (JSON.parse(text) as { version?: unknown }).version;
    return typeof version === 'number' ? version : undefined;
  } catch (error) {
    if (signal?.aborted) throw error;
    return undefined;
  }
}

function versionOf(root: string, key: string): number {
  const start = logFolder(root).length;
  return Number(key.slice(start, start + 20));
}

function asCommit(root: string, file: ObjectInfo): CommitFile | undefined {
  const match = /^(\d{20})\.(?:(\d{20})\.compacted\.)?json$/.exec(file.key.slice(logFolder(root).length));
  if (!match) return undefined;
  const from = Number(match[1]);
  return { ...logFile(file), from, to: match[2] === undefined ? from : Number(match[2]) };
}

const logFile = ({ key, size, etag, modified }: ObjectInfo): LogFile => ({ key, size, etag, modified });

function assemble(store: Store, root: string, files: ObjectInfo[]): LogSegment | undefined {
  const commits = files.flatMap((file) => asCommit(root, file) ?? []);
  const checkpoint = newestCheckpoint(root, files);
  const version = Math.max(
    checkpoint?.version ?? -1,
    ...[commits.filter((commit) => commit.from === commit.to).at(-1)?.to ?? -1],
  );
  if (version < 0) return undefined;

  const starts = new Map<number, CommitFile>();
  for (const commit of commits) {
    const known = starts.get(commit.from);
    if (commit.to <= version && (!known || known.to < commit.to)) starts.set(commit.from, commit);
  }
  const needed: CommitFile[] = [];
  for (let next = (checkpoint?.version ?? -1) + 1; next <= version; ) {
    const commit = starts.get(next);
    if (!commit) {
      throw new SluiceError(
        'CORRUPT',
        `The Delta log of ${store.name}/${root} cannot be read: version ${next} is missing${
          checkpoint ? '' : ' and there is no checkpoint after it'
        }.`,
        { retryable: false },
      );
    }
    needed.push(commit);
    next = commit.to + 1;
  }
  return { version, checkpoint, commits: needed };
}

/** Classic, multi-part (all parts must be there) or v2; the newest version wins. */
function newestCheckpoint(root: string, files: ObjectInfo[]): Checkpoint | undefined {
  const start = logFolder(root).length;
  const parts = new Map<string, LogFile[]>();
  let best: Checkpoint | undefined;
  for (const file of files) {
    const match =
      /^(\d{20})\.checkpoint\.(?:(\d{10})\.(\d{10})\.parquet|parquet|[0-9a-f-]{36}\.(?:json|parquet))$/.exec(
        file.key.slice(start),
      );
    if (!match) continue;
    const version = Number(match[1]);
    if (best && version < best.version) continue;
    if (match[3] === undefined) {
      best = { version, files: [logFile(file)] };
      continue;
    }
    const group = `${version}/${match[3]}`;
    const known = parts.get(group) ?? [];
    known.push(logFile(file));
    parts.set(group, known);
    if (known.length === Number(match[3]) && best?.version !== version) best = { version, files: known };
  }
  return best;
}
