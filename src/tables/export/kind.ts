import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { FinishResult, Hold, JobContext, Kind, Outcome, PartContext } from '../../jobs/kind.ts';
import { acquireLease } from '../../jobs/lease.ts';
import type { Part, PartResult } from '../../jobs/part.ts';
import { stateFolder } from '../state.ts';
import { finishTables } from './finish.ts';
import { type PinnedTables, type PlannedTable, pinTables } from './pinned.ts';
import { runTable } from './run.ts';
import { parseTableExportSpec, type TableExportSpec } from './spec.ts';

/** Makes the tables of a lake at one commit appear at their targets and in a catalog. A part is a table. */
export class TableExportKind implements Kind<TableExportSpec, PinnedTables> {
  readonly name = 'table-export';

  parse(spec: Json): TableExportSpec {
    return parseTableExportSpec(spec);
  }

  prepare(spec: TableExportSpec, context: JobContext): Promise<PinnedTables> {
    return pinTables(spec, context);
  }

  async hold({ spec, pin }: PinnedTables, context: JobContext): Promise<Hold> {
    const { store, path } = await context.open(spec.target_base_location, {
      connection: spec.target_connection,
    });
    const folder = stateFolder(asFolder(path), pin.branch);
    return await acquireLease(store, `${folder}lease.json`, {
      holder: context.jobId,
      begun: context.startedAt,
      about: `export of the tables of ${pin.repository}/${pin.branch}`,
      signal: context.signal,
    });
  }

  async *plan(pinned: PinnedTables, _context: JobContext, after?: string): AsyncGenerator<Part[]> {
    const parts = pinned.tables
      .map((table) => ({
        id: table.name,
        stage: 0,
        label: labelOf(table),
        body: table as Json,
      }))
      .filter((part) => after === undefined || part.id > after);
    yield parts;
  }

  run(part: Part, pinned: PinnedTables, context: PartContext): Promise<PartResult> {
    return runTable(part.body as unknown as PlannedTable, pinned, context);
  }

  finish(pinned: PinnedTables, outcome: Outcome, context: JobContext): Promise<FinishResult> {
    return finishTables(pinned, outcome, context);
  }
}

/** The reason of a failure is told by the failure itself. */
function labelOf({ name, decision }: PlannedTable): string {
  return decision.action === 'fail' ? name : `${name} (${decision.reason})`;
}
