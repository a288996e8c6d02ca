import { isError, SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { JobContext } from '../../jobs/kind.ts';
import { openFolder } from '../../stores/folder.ts';
import { parsePhysicalAddress } from '../client/address.ts';
import type { LakeClient } from '../client/client.ts';
import type { Stage } from './order.ts';
import { type LakeExportSpec, parseSource } from './spec.ts';
import { type ExportState, ownFolder, readState, selectionOf } from './state.ts';

/** A lake export with everything that moves pinned. */
export interface PinnedExport {
  [key: string]: Json | undefined;
  spec: LakeExportSpec;
  repository: string;
  /** As it was asked for: a branch, tag or commit. */
  ref: string;
  /** The commit that is exported; with `uncommitted` the branch's HEAD, below what is staged. */
  commit: string;
  /** `meta_range_id` of the commit and of the bases, where it was told. */
  metaRanges: Record<string, string | undefined>;
  /** The repository's storage namespace. */
  namespace: string;
  folder: string;
  /** The destination's folder in its store, '' or ending with '/'. */
  root: string;
  mode: 'full' | 'incremental' | 'nothing';
  /** With mode incremental or nothing: the commit that the destination holds. */
  since?: string;
  /** Earlier commits whose objects may be at the destination; the difference to each is exported and deleted. */
  bases: string[];
  /** What the destination's state named when this was pinned: its whole commit, and all commits. */
  held: { commit?: string; known: string[] };
  /** Sentences that the report shows. */
  notes: string[];
  presign: boolean;
}

/** One part: a key range in one stage; with a base, of the difference from that commit. */
export interface PartBody {
  [key: string]: Json | undefined;
  stage: Stage;
  after?: string;
  until?: string;
  base?: string;
}

/**
 * Pins the ref and finds the destination, whatever may be there already.
 * @throws SluiceError NOT_FOUND (repository, ref), BAD_SPEC
 */
export async function pinSource(
  spec: LakeExportSpec,
  client: LakeClient,
  context: JobContext,
): Promise<PinnedExport> {
  const { repository, ref, folder } = parseSource(spec.source);
  // All are asked at once; of what is wrong, the first in this order is told.
  const asked = [
    client.repository(repository),
    spec.uncommitted ? headOf(client, repository, ref) : client.commit(repository, ref),
    openFolder(context.open, spec.destination, { connection: spec.destinationConnection }),
    client.storageConfig(),
  ] as const;
  for (const each of asked) each.catch(() => {});
  const { storage_namespace: namespace } = await asked[0];
  const { id: commit, meta_range_id: metaRange } = await asked[1];
  const { root } = await asked[2];
  refuseOverlap(spec.destination, namespace, repository);
  const { pre_sign_support: presign } = await asked[3];
  return {
    spec,
    repository,
    ref,
    commit,
    metaRanges: { [commit]: metaRange },
    namespace,
    folder,
    root,
    mode: 'full',
    bases: [],
    held: { known: [] },
    notes: [],
    presign,
  };
}

/**
 * Pins an export: its source, and what is to be done by what the spec asks and the destination remembers.
 * @throws SluiceError NOT_FOUND (repository, ref), BAD_SPEC with the way to go on
 */
export async function pinExport(
  spec: LakeExportSpec,
  client: LakeClient,
  context: JobContext,
): Promise<PinnedExport> {
  const reading = openFolder(context.open, spec.destination, {
    connection: spec.destinationConnection,
  }).then(({ store, root }) => readState(store, root, spec.name));
  // What is wrong with the source is told first.
  reading.catch(() => {});
  const pinned = await pinSource(spec, client, context);
  const stored = (await reading)?.state;
  const problem = stored ? mismatch(stored, pinned) : undefined;
  if (spec.since !== undefined) await pinSince(pinned, stored, problem, client);
  else if (stored && problem) {
    throw new SluiceError(
      'BAD_SPEC',
      `${spec.destination} already holds an export named "${spec.name}" ${problem}. Choose another --name or destination, or remove ${pinned.root}${ownFolder(spec.name)}state.json to begin anew (what is there is then kept).`,
    );
  }
  if (stored && !problem) {
    const known = [...new Set([stored.commit, ...stored.pending])].filter((base) => base !== undefined);
    pinned.held = { commit: stored.commit, known };
    pinned.bases = await existing(known, pinned, client);
  }
  return pinned;
}

/**
 * Refuses to go on when another run of this export wrote to the destination since this one was pinned: the parts
 * that are done, and the commits that this one compares with, say nothing any more about what is there.
 * @throws SluiceError CONFLICT
 */
export function refuseOvertaken(pinned: PinnedExport, stored: ExportState | undefined): void {
  const { held, commit, spec } = pinned;
  const here = stored?.commit;
  const strange = stored?.pending.find((each) => each !== commit && !held.known.includes(each));
  if ((here === held.commit || here === commit) && strange === undefined) return;
  const other = strange ?? here;
  throw new SluiceError(
    'CONFLICT',
    `Since this job looked at ${spec.destination}, ${other === undefined ? 'the state of the export was removed there' : `another run of export "${spec.name}" brought commit ${other} there`}, so it cannot go on from what it knew. Run the export again as a new job: what is there already is not copied twice.`,
    { retryable: false },
  );
}

async function headOf(
  client: LakeClient,
  repository: string,
  branch: string,
): Promise<{ id: string; meta_range_id?: string }> {
  try {
    return { id: (await client.branch(repository, branch)).commit_id };
  } catch (error) {
    if (!isError(error, 'NOT_FOUND')) throw error;
    throw new SluiceError(
      'BAD_SPEC',
      `--uncommitted needs a branch, and ${repository} has no branch "${branch}".`,
    );
  }
}

async function pinSince(
  pinned: PinnedExport,
  stored: ExportState | undefined,
  problem: string | undefined,
  client: LakeClient,
): Promise<void> {
  const { spec } = pinned;
  const again = 'Run once without --since: only what is missing or different will be copied';
  if (stored && problem)
    throw new SluiceError(
      'BAD_SPEC',
      `--since cannot be used: ${spec.destination} holds an export named "${spec.name}" ${problem}. Choose another --name or destination.`,
    );
  if (spec.since === 'last' && stored?.commit === undefined) {
    pinned.notes.push('Nothing was exported here before, so everything is exported.');
    return;
  }
  if (stored?.commit === undefined)
    throw new SluiceError(
      'BAD_SPEC',
      `--since ${spec.since} cannot be used: ${spec.destination} does not say which commit it holds. ${again}.`,
    );
  if (spec.since !== 'last') {
    const asked = (await client.commit(pinned.repository, spec.since!)).id;
    if (asked !== stored.commit) {
      throw new SluiceError(
        'BAD_SPEC',
        `--since ${spec.since} cannot be used: ${spec.destination} holds commit ${stored.commit}. Use --since last, or leave --since out.`,
      );
    }
  }
  if (stored.uncommitted)
    throw new SluiceError(
      'BAD_SPEC',
      `--since cannot follow an export with --uncommitted, as staged objects belong to no commit. ${again}.`,
    );
  pinned.since = stored.commit;
  pinned.mode = stored.commit === pinned.commit && stored.pending.length === 0 ? 'nothing' : 'incremental';
}

/** What is wrong with an earlier state for this export, as the end of a sentence. */
function mismatch(state: ExportState, pinned: PinnedExport): string | undefined {
  if (state.repository !== pinned.repository || state.namespace !== pinned.namespace)
    return `of another repository (${state.repository})`;
  if (state.folder !== pinned.folder) return `of another folder (${state.folder || 'the whole repository'})`;
  if (pinned.spec.since !== undefined && state.selection !== selectionOf(pinned.spec))
    return 'with another --prefix, --include or --exclude';
  return undefined;
}

/** Bases that the lake still knows; one that is gone (history rewritten, garbage collected) is noted. */
async function existing(
  bases: readonly string[],
  pinned: PinnedExport,
  client: LakeClient,
): Promise<string[]> {
  const found: string[] = [];
  for (const base of bases) {
    try {
      pinned.metaRanges[base] ??= (await client.commit(pinned.repository, base)).meta_range_id;
      found.push(base);
    } catch (error) {
      if (!isError(error, 'NOT_FOUND')) throw error;
      if (base === pinned.since)
        throw new SluiceError(
          'BAD_SPEC',
          `--since cannot be used: the lake no longer has commit ${base}, which ${pinned.spec.destination} holds. Run once without --since.`,
        );
      pinned.notes.push(
        `The lake no longer has commit ${base}, so what it had and ${pinned.commit} has not stays at the destination.`,
      );
    }
  }
  return found;
}

/**
 * Refuses a destination that lies in the repository's storage, or around it.
 * @throws SluiceError BAD_SPEC
 */
export function refuseOverlap(destination: string, namespace: string, repository: string): void {
  const [a, b] = [storagePlace(destination), storagePlace(namespace)];
  if (a.startsWith(b) || b.startsWith(a)) {
    throw new SluiceError(
      'BAD_SPEC',
      `The destination ${destination} lies in the storage of the repository ${repository} itself (${namespace}). Choose a place outside of it.`,
    );
  }
}

/** A folder's address, the same for every way to write it. */
function storagePlace(uri: string): string {
  const folder = asFolder(uri)
    .replace(/^s3[an]:/i, 's3:')
    .replace(/^gcs:/i, 'gs:');
  const dfs = /^(?:abfss?|wasbs?):\/\/([^@/]+)@([^./]+)[^/]*\/(.*)$/i.exec(folder);
  if (dfs) return `azure:${dfs[2]}/${dfs[1]}/${dfs[3]}`;
  const azure = /^https:/i.test(folder) ? parsePhysicalAddress(folder) : undefined;
  return azure ? `azure:${azure.container}/${azure.key}` : folder;
}
