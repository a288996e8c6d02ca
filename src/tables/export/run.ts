import { SluiceError, toSluiceError } from '../../base/errors.ts';
import { asFolder } from '../../base/keys.ts';
import type { PartContext } from '../../jobs/kind.ts';
import type { PartResult } from '../../jobs/part.ts';
import type { Catalog } from '../catalogs/catalog.ts';
import type { Descriptor } from '../descriptors.ts';
import type { Lake } from '../lake.ts';
import type { ExportResult, TableSource, TableTarget } from '../method.ts';
import { schemaName, tableName, targetUri } from '../names.ts';
import { openSource } from '../source.ts';
import type { TableState, TableStates } from '../state.ts';
import { catalogFor, methodFor } from './choose.ts';
import { lakeOf, type PinnedTables, type PlannedTable, statesOf } from './pinned.ts';
import { readersWarning } from './readers.ts';

/** Brings one table to its target and catalog, and its state up to date, whatever comes out. */
export async function runTable(
  table: PlannedTable,
  pinned: PinnedTables,
  context: PartContext,
): Promise<PartResult> {
  const { spec, pin } = pinned;
  const { decision } = table;
  if (decision.action === 'unchanged') return { counts: { skipped: 1 }, skipped: decision.reason };
  const states = await statesOf(spec, pin.branch, context);
  const before = await states.read(table.name, context.signal);
  refuseOvertaken(table, before, pin.commit);
  const location = targetUri(spec.target_base_location, pin.branch, table.name);
  const state: TableState = {
    format: 1,
    table: table.name,
    repository: pin.repository,
    branch: pin.branch,
    location,
    status: 'TRANSFERRING',
    commit: pin.commit,
    updatedAt: new Date().toISOString(),
    job: context.jobId,
    failures: before?.failures,
    exported: before?.exported,
    registered: before?.registered,
  };
  try {
    if (before && before.repository !== pin.repository) {
      throw new SluiceError(
        'CONFLICT',
        `${location} belongs to the repository "${before.repository}". Give this one another target_base_location.`,
      );
    }
    if (decision.action === 'fail') {
      throw new SluiceError(decision.code, decision.reason, { retryable: false });
    }
    if (decision.action === 'deleted') return await endDeleted(table, state, states, pinned, context);
    await states.write(state, context.signal);
    return await exportTable(table, table.descriptor!, state, states, pinned, context);
  } catch (error) {
    const { code, message } = toSluiceError(error);
    const failed: TableState = {
      ...state,
      status: 'FAILED',
      error: { code, message },
      failures: (before?.failures ?? 0) + 1,
    };
    // A name that nothing describes is a slip, and no table whose state anyone wants to see from then on.
    const slip = decision.action === 'fail' && decision.code === 'NOT_FOUND' && !before;
    if (!context.signal.aborted && !slip) await states.write(failed);
    throw error;
  }
}

/**
 * A job that goes on after another one brought a newer commit would take the table back to its own.
 * @throws SluiceError CONFLICT; the table's state stays what the other job left
 */
function refuseOvertaken(
  { name, held, decision }: PlannedTable,
  before: TableState | undefined,
  commit: string,
): void {
  const now = before?.exported?.commit;
  if (decision.action === 'fail' || now === held || now === commit) return;
  // Done by an earlier try of this one.
  if (decision.action === 'deleted' && before?.status === 'DROPPED') return;
  throw new SluiceError(
    'CONFLICT',
    `Since this job looked at ${name}, another one brought it to commit ${now ?? 'none: it was dropped'}. Export the tables again as a new job.`,
    { retryable: false },
  );
}

async function exportTable(
  table: PlannedTable,
  descriptor: Descriptor,
  state: TableState,
  states: TableStates,
  pinned: PinnedTables,
  context: PartContext,
): Promise<PartResult> {
  const { spec, pin } = pinned;
  const lake = lakeOf(spec, context);
  try {
    const source: TableSource = await openSource(lake, pin, descriptor, spec.lake_connection, context);
    const { store, path } = await context.open(state.location, { connection: spec.target_connection });
    const target: TableTarget = { uri: state.location, store, root: asFolder(path) };
    const method = methodFor(table.method, spec, `${context.jobId}/${state.failures ?? 0}`, context);
    const earlier = state.exported;
    const result = await method.export(
      {
        source,
        target,
        earlier,
        options: {
          addresses: spec.addresses,
          allowFeatures: spec.allow_features,
          retentionDays: spec.retention_days,
        },
      },
      context,
    );
    // The place is right from here on, also when the catalog is down: the next attempt finds it done.
    state.exported = result.exported;
    const catalog = catalogFor(spec, descriptor, context);
    const registered = catalog && (await register(catalog, table, state, result, pinned, lake, context));
    const warnings = registered?.warnings.length ? registered.warnings : undefined;
    await states.write({
      ...state,
      status: 'SUCCESS',
      error: undefined,
      failures: undefined,
      registered: registered?.fullName,
      warnings,
      updatedAt: new Date().toISOString(),
    });
    const { totals } = result.exported;
    return {
      counts: { tables: 1, files: totals.files, rows: totals.records ?? 0, ...result.counts },
      data: {
        table: table.name,
        method: table.method,
        reason: table.decision.reason,
        location: state.location,
        written: result.written,
        ...result.details,
        totals: { ...totals },
        ...(registered
          ? { catalog: catalog!.name, registered: registered.fullName, registration: registered.action }
          : {}),
        ...(warnings ? { warnings } : {}),
      },
    };
  } finally {
    await lake.close();
  }
}

async function register(
  catalog: Catalog,
  table: PlannedTable,
  state: TableState,
  { exported }: ExportResult,
  { spec, pin }: PinnedTables,
  lake: Lake,
  context: PartContext,
): Promise<{ fullName: string; action: string; warnings: string[] }> {
  const schema = schemaName(spec.catalog!.schema, pin);
  const { fullName, action, warning } = await catalog.register(
    {
      schema,
      name: tableName(table.name),
      location: state.location,
      metaData: exported.metaData,
      comment: `From lakefs://${pin.repository}/${pin.branch}/${exported.sourceRoot}`,
    },
    context.signal,
  );
  const method = { method: table.method, fullName };
  const denied = await readersWarning(method, spec, pin.repository, lake, catalog, context.signal);
  const warnings = [warning, denied].filter((each) => each !== undefined);
  for (const each of warnings) context.log.warn({ table: table.name }, each);
  return { fullName, action, warnings };
}

/** A table that the lake no longer has. Its files stay; kept versions may still be read. */
async function endDeleted(
  table: PlannedTable,
  state: TableState,
  states: TableStates,
  { spec }: PinnedTables,
  context: PartContext,
): Promise<PartResult> {
  const { reason } = table.decision;
  // What never was exported leaves nothing to keep.
  if (spec.on_delete === 'keep' && state.exported)
    return { counts: { skipped: 1 }, skipped: `${reason}; kept (on_delete: keep)` };
  const catalog = spec.catalog && catalogFor(spec, undefined, context);
  if (catalog && state.registered !== undefined) await catalog.drop(state.registered, context.signal);
  await states.write({
    ...state,
    status: 'DROPPED',
    exported: undefined,
    registered: undefined,
    failures: undefined,
  });
  return {
    counts: { deleted: 1 },
    data: { table: table.name, reason, dropped: state.registered ?? null, location: state.location },
  };
}
