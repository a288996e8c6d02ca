import type { Json } from '../../base/json.ts';
import type { FinishResult, JobContext, Kind, Outcome, PartContext } from '../../jobs/kind.ts';
import type { Part, PartResult } from '../../jobs/part.ts';
import { finishExport } from './finish.ts';
import { takeNative } from './native.ts';
import { exportPart } from './part.ts';
import { type ExportPartBody, exportRoot, type PinnedVectors, withExport } from './pinned.ts';
import { prepareExport, readPlan } from './prepare.ts';
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

  async *plan(pinned: PinnedVectors, context: JobContext, after?: string): AsyncGenerator<Part[]> {
    const { store, path } = await context.open(pinned.spec.destination, {
      connection: pinned.spec.connection,
    });
    yield* readPlan(store, exportRoot(path, pinned.spec), after, context.signal);
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
