import { isError, SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { JobContext } from '../../jobs/kind.ts';
import { parseLakeUri } from '../../lake/client/address.ts';
import { openFolder } from '../../stores/folder.ts';
import { type Decision, decide } from '../changed.ts';
import { type Descriptor, findDescriptors } from '../descriptors.ts';
import { type Lake, openLake } from '../lake.ts';
import { targetUri } from '../names.ts';
import type { CommitPin } from '../source.ts';
import { TableStates } from '../state.ts';
import type { MethodName, TableExportSpec } from './spec.ts';

/** A table of the job and what was decided about it. */
export interface PlannedTable {
  name: string;
  method: MethodName;
  descriptor?: Descriptor;
  decision: Decision;
  /** The commit that the target held when this was decided. */
  held?: string;
}

/** A table export with everything that moves nailed down. */
export type PinnedTables = { [key: string]: Json | undefined } & {
  spec: TableExportSpec;
  pin: CommitPin & Json;
  tables: (PlannedTable & Json)[];
};

/** @param context whose connections name the lake of the spec */
export function lakeOf(spec: TableExportSpec, context: JobContext): Lake {
  const { connections } = context;
  return openLake(
    spec.lake_connection === undefined
      ? connections.forUri(spec.source)
      : connections.named(spec.lake_connection),
  );
}

/** The states of the pinned branch, where the tables go. */
export async function statesOf(
  spec: TableExportSpec,
  branch: string,
  context: JobContext,
): Promise<TableStates> {
  const { store, root } = await openFolder(context.open, spec.target_base_location, {
    connection: spec.target_connection,
  });
  return new TableStates(store, root, branch);
}

/**
 * Pins the ref and decides about every table.
 * @throws SluiceError NOT_FOUND (repository, ref), BAD_SPEC (a commit of which it is not said what branch it stands for)
 */
export async function pinTables(spec: TableExportSpec, context: JobContext): Promise<PinnedTables> {
  const { repository, ref } = parseLakeUri(spec.source);
  const lake = lakeOf(spec, context);
  try {
    const commit = await lake.commit(repository, ref);
    const branch = spec.branch ?? branchOf(ref, commit.id);
    const pin: CommitPin = {
      repository,
      branch,
      commit: commit.id,
      committedAt: commit.creation_date * 1000,
    };
    return { spec, pin, tables: await planTables(spec, pin, lake, context) } as PinnedTables;
  } finally {
    await lake.close();
  }
}

/** Tables lie under a name that stays: a branch's or a tag's. */
function branchOf(ref: string, commit: string): string {
  if (!commit.startsWith(ref) && !/[~^@]/.test(ref)) return ref;
  throw new SluiceError(
    'BAD_SPEC',
    `"${ref}" is a commit, and tables are kept by branch: say whose tables these are with "branch" (--branch main).`,
  );
}

async function planTables(
  spec: TableExportSpec,
  pin: CommitPin,
  lake: Lake,
  context: JobContext,
): Promise<PlannedTable[]> {
  const states = await statesOf(spec, pin.branch, context);
  const known = new Map((await states.list(context.signal)).map((state) => [state.table, state]));
  const found = await findDescriptors(lake, pin, spec.table_descriptors_path, spec.table_defs);
  const tables = await Promise.all(
    found.map(async (each): Promise<PlannedTable> => {
      const name = each.descriptor?.name ?? each.id;
      const method = spec.methods[name] ?? spec.method;
      const location = targetUri(spec.target_base_location, pin.branch, name);
      const wanted = { method, location, all: spec.all };
      const decision = await context.slots.run(() => decide(lake, pin, each, known.get(name), wanted));
      return { name, method, descriptor: each.descriptor, decision, held: known.get(name)?.exported?.commit };
    }),
  );
  // Without a list every known table is meant, also one whose descriptor is gone.
  if (!spec.table_defs) {
    const described = new Set(tables.map((table) => table.name));
    for (const state of known.values()) {
      if (described.has(state.table) || state.status === 'DROPPED' || state.repository !== pin.repository)
        continue;
      const reason = 'its descriptor is gone';
      const decision: Decision = { action: 'deleted', reason };
      tables.push({ name: state.table, method: spec.method, decision, held: state.exported?.commit });
    }
  }
  await refuseWrongFolder(tables, spec, pin, lake);
  const there = new Set(tables.flatMap((table) => (table.descriptor ? [table.name] : [])));
  const all = there.size > 0 ? `there are ${[...there].sort().join(', ')}` : `nothing is described there`;
  for (const name of spec.tables ?? []) {
    if (tables.some((table) => table.name === name)) continue;
    const reason = `${spec.table_descriptors_path}/ describes no table "${name}" at commit ${pin.commit.slice(0, 12)}; ${all}.`;
    tables.push({ name, method: spec.method, decision: { action: 'fail', code: 'NOT_FOUND', reason } });
  }
  return tables
    .filter((table) => !spec.tables || spec.tables.includes(table.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Tells a descriptors' folder whose name is wrong from one that was emptied: tables would be dropped by a slip.
 * @throws SluiceError BAD_SPEC
 */
async function refuseWrongFolder(
  tables: readonly PlannedTable[],
  { table_descriptors_path: folder }: TableExportSpec,
  pin: CommitPin,
  lake: Lake,
): Promise<void> {
  const gone = tables.find(({ decision }) => decision.action === 'deleted')?.held;
  if (gone === undefined || tables.some(({ descriptor }) => descriptor)) return;
  try {
    for await (const page of lake.list(pin.repository, gone, { prefix: asFolder(folder), amount: 1 })) {
      if (page.length > 0) return;
    }
  } catch (error) {
    // A commit that is gone tells nothing.
    if (isError(error, 'NOT_FOUND')) return;
    throw error;
  }
  throw new SluiceError(
    'BAD_SPEC',
    `No table is described in ${asFolder(folder)} at commit ${pin.commit.slice(0, 12)}, nor was any at commit ${gone.slice(0, 12)}, at which tables were exported: correct table_descriptors_path.`,
  );
}
