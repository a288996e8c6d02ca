import type { JobContext } from '../jobs/kind.ts';
import type { LakeEntry } from '../lake/client/entry.ts';
import { isOfParts } from '../lake/export/combined.ts';
import { Mover, type ReadBytes } from '../lake/export/mover.ts';
import { Routes } from '../lake/export/routes.ts';
import { parseLakeExportSpec } from '../lake/export/spec.ts';
import type { Store } from '../stores/store.ts';
import type { Descriptor } from './descriptors.ts';
import type { Lake } from './lake.ts';
import type { TableSource } from './method.ts';

export interface CommitPin {
  repository: string;
  branch: string;
  commit: string;
  committedAt: number;
}

/** A table's folder at a commit. */
export async function openSource(
  lake: Lake,
  pin: CommitPin,
  descriptor: Descriptor,
  connection: string | undefined,
  context: JobContext,
): Promise<TableSource> {
  const { repository, commit } = pin;
  const uri = `lakefs://${repository}/${commit}`;
  const { root } = descriptor;
  const { store } = await context.open(uri, { connection });
  const movers = new Map<Store, (path: string, key: string) => Mover>();
  return {
    ...pin,
    hive:
      descriptor.type === 'hive'
        ? { partitionColumns: descriptor.partitionColumns, schema: descriptor.schema }
        : undefined,
    root,
    store,
    list: ({ after, pageSize, signal }) =>
      lake.list(repository, commit, { prefix: root, after, amount: pageSize, signal }),
    diff: (since, signal) => lake.diff(repository, since, commit, { prefix: root, signal }),
    async carry(file, to) {
      let moverTo = movers.get(to.store);
      if (!moverTo) {
        moverTo = moversTo(to.store, uri, store, context);
        movers.set(to.store, moverTo);
      }
      await moverTo(file.path, to.key).move({
        path: file.path,
        physicalAddress: file.address,
        checksum: file.checksum,
        size: file.size,
        mtime: pin.committedAt,
      });
    },
  };
}

/** Movers that share what they learn of the ways between the lake and one Store. */
function moversTo(
  destination: Store,
  uri: string,
  lake: Store,
  context: JobContext,
): (path: string, key: string) => Mover {
  const spec = parseLakeExportSpec({ source: uri, destination: destination.name });
  const routes = new Routes({ spec, destination, presign: false }, context);
  const read: ReadBytes = async (entry, route, range, signal) => {
    const at = route === 'store' ? await routes.open(entry) : { store: lake, path: entry.path };
    return (await at.store.get(at.path, { range, signal })).body;
  };
  const ofParts = (entry: LakeEntry) => isOfParts(entry, { routes, read }, context.signal);
  return (path, key) =>
    new Mover({ store: destination, root: key, folder: path }, routes, read, ofParts, context);
}
