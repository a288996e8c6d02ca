import { isError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { FinishResult, Hold, JobContext, Kind, Outcome, PartContext } from '../../jobs/kind.ts';
import { acquireLease } from '../../jobs/lease.ts';
import type { Part, PartResult } from '../../jobs/part.ts';
import { findObject } from '../../stores/find.ts';
import { readAll } from '../../stores/read.ts';
import type { Store } from '../../stores/store.ts';
import { finishExport, REPORT_FILE } from './finish.ts';
import { takeNative } from './native.ts';
import { exportPart } from './part.ts';
import {
  type ExportPartBody,
  exportRoot,
  METADATA_FILE,
  OWN_FOLDER,
  type PinnedVectors,
  withExport,
} from './pinned.ts';
import { exportExists, prepareExport, readPlan } from './prepare.ts';
import type { VectorReport } from './report.ts';
import { parseVectorExportSpec, type VectorExportSpec } from './spec.ts';

/** Exports the classes of a Weaviate to Parquet files. */
export class VectorExportKind implements Kind<VectorExportSpec, PinnedVectors> {
  readonly name = 'vector-export';

  parse(spec: Json): VectorExportSpec {
    return parseVectorExportSpec(spec);
  }

  prepare(spec: VectorExportSpec, context: JobContext): Promise<PinnedVectors> {
    return prepareExport(spec, context);
  }

  /** Two jobs of one id would put their files into each other's. */
  async hold({ spec }: PinnedVectors, context: JobContext): Promise<Hold> {
    const { store, path } = await context.open(spec.destination, { connection: spec.connection });
    const root = exportRoot(path, spec);
    return acquireLease(store, `${root}${OWN_FOLDER}lease.json`, {
      holder: context.jobId,
      begun: context.startedAt,
      about: `export "${spec.id}" of ${spec.weaviate}`,
      signal: context.signal,
      confirm: async () => {
        // One that ended meanwhile, unless it is this job, whose end was not noted any more.
        const ended = await findObject(store, `${root}${METADATA_FILE}`, context);
        if (ended && !(await isReportOf(store, `${root}${REPORT_FILE}`, context))) throw exportExists(spec);
      },
    });
  }

  async *plan(pinned: PinnedVectors, context: JobContext, after?: string): AsyncGenerator<Part[]> {
    const { store, path } = await context.open(pinned.spec.destination, {
      connection: pinned.spec.connection,
    });
    yield* readPlan(store, exportRoot(path, pinned.spec) + pinned.plan, after, context.signal);
  }

  run(part: Part, pinned: PinnedVectors, context: PartContext): Promise<PartResult> {
    const body = part.body as ExportPartBody;
    return withExport(pinned.spec, context, (place) =>
      (body.native === undefined ? exportPart : takeNative)(body, pinned, place, context),
    );
  }

  finish(pinned: PinnedVectors, outcome: Outcome, context: JobContext): Promise<FinishResult> {
    return withExport(pinned.spec, context, (place) => finishExport(pinned, outcome, place, context));
  }
}

async function isReportOf(store: Store, key: string, { jobId, startedAt }: JobContext): Promise<boolean> {
  try {
    const report = JSON.parse(
      (await readAll((await store.get(key)).body)).toString(),
    ) as Partial<VectorReport>;
    return report.job === jobId && report.startedAt === new Date(startedAt).toISOString();
  } catch (error) {
    if (isError(error, 'NOT_FOUND') || error instanceof SyntaxError) return false;
    throw error;
  }
}
