import type { Json } from '../../base/json.ts';
import type { FinishResult, JobContext, Kind, Outcome, PartContext } from '../../jobs/kind.ts';
import type { Part, PartResult } from '../../jobs/part.ts';
import { makeClasses } from './classes.ts';
import { finishImport } from './finish.ts';
import { importObjects } from './part.ts';
import { type ImportPartBody, type ImportPlace, type PinnedImport, withImport } from './pinned.ts';
import { planImport, prepareImport, readMetadata } from './prepare.ts';
import { importReferences } from './references.ts';
import { parseVectorImportSpec, type VectorImportSpec } from './spec.ts';

/** Imports Parquet files of vectors into a Weaviate. */
export class VectorImportKind implements Kind<VectorImportSpec, PinnedImport> {
  readonly name = 'vector-import';

  parse(spec: Json): VectorImportSpec {
    return parseVectorImportSpec(spec);
  }

  prepare(spec: VectorImportSpec, context: JobContext): Promise<PinnedImport> {
    return withImport(spec, context, (place) => prepareImport(spec, place, context));
  }

  async *plan(pinned: PinnedImport, _: JobContext, after?: string): AsyncGenerator<Part[]> {
    for (const part of planImport(pinned)) if (after === undefined || part.id > after) yield [part];
  }

  run(part: Part, pinned: PinnedImport, context: PartContext): Promise<PartResult> {
    const body = part.body as ImportPartBody & Json;
    return withImport(pinned.spec, context, async (place) => {
      switch (body.what) {
        case 'classes':
          return this.#classes(pinned, place, context);
        case 'objects':
          return importObjects(body, part.id, pinned, place, context);
        case 'references':
          return importReferences(body, part.id, pinned, place, context);
      }
    });
  }

  async #classes(pinned: PinnedImport, place: ImportPlace, context: PartContext): Promise<PartResult> {
    const { spec } = pinned;
    const { path } = await context.open(spec.source, { connection: spec.connection });
    const metadata = await readMetadata(place.source, path, context.signal);
    return { counts: { classes: await makeClasses(pinned, place.client, metadata, context.signal) } };
  }

  finish(pinned: PinnedImport, outcome: Outcome, context: JobContext): Promise<FinishResult> {
    return withImport(pinned.spec, context, (place) => finishImport(pinned, outcome, place, context));
  }
}
