import type { Json } from '../../base/json.ts';
import type { JobFailure } from '../../jobs/job.ts';
import type { FinishResult, JobContext, Outcome } from '../../jobs/kind.ts';
import type { ItemFailure } from '../../jobs/part.ts';
import { differences } from '../compare.ts';
import { VectorFile } from '../layouts/file.ts';
import type { Reference, VectorObject } from '../object.ts';
import { type ImportPlace, incrementNote, type PinnedImport, targetSchema } from './pinned.ts';

/** Files of which a sample is compared, and rows of each. */
const FILES_SAMPLED = 20;
const ROWS_SAMPLED = 10;

/** What is kept with the job and written to the import's own folder. */
export interface ImportReport {
  job: string;
  id: string;
  status: 'SUCCESS' | 'FAILED' | 'CANCELED';
  error?: JobFailure;
  source: string;
  weaviate: string;
  startedAt: string;
  completedAt: string;
  /** Milliseconds. */
  duration: number;
  /** Objects written; left alone because they were there; refused. References set. */
  objects: number;
  skipped: number;
  failed: number;
  references: number;
  classes: Record<string, { target: string; rows: number; objectsNow: number | undefined }>;
  verification: { how: string; compared: number; different: number; missing: number; examples: string[] };
  /** What is to be known about the source. */
  note?: string;
  /** Folder of the refused objects, JSON lines. */
  rejected?: string;
  failures: ItemFailure[];
}

/** Compares the Weaviate with the files and writes the report. */
export async function finishImport(
  pinned: PinnedImport,
  outcome: Outcome,
  place: ImportPlace,
  context: JobContext,
): Promise<FinishResult> {
  const { spec } = pinned;
  const { objects = 0, skipped = 0, failed = 0, references = 0 } = outcome.progress.counts;
  let { status, error } = outcome;
  const failures: ItemFailure[] = [];
  for await (const part of outcome.parts({ status: 'FAILED' })) {
    for (const failure of part.failures) if (failures.length < 100) failures.push(failure);
  }
  const verification = { how: spec.verify, compared: 0, different: 0, missing: 0, examples: [] as string[] };
  const classes: ImportReport['classes'] = {};
  for (const { name, target, rows } of pinned.classes)
    classes[name] = { target, rows, objectsNow: undefined };
  if (status === 'SUCCESS' && spec.verify === 'sample') {
    await sample(pinned, place, context, verification);
    for (const [index, { name, target, rows, empty }] of pinned.classes.entries()) {
      const schema = targetSchema(pinned, index);
      if (schema.multiTenancyConfig?.enabled) continue;
      const now = await place.client.count(target, undefined, context.signal);
      classes[name]!.objectsNow = now;
      if (empty && now < rows) verification.missing += rows - now;
    }
    if (verification.different + verification.missing > 0) {
      status = 'FAILED';
      error = {
        code: 'DIFFERENT',
        message: `${verification.missing} objects are missing in the Weaviate and ${verification.different} differ from the files: ${verification.examples.slice(0, 3).join('; ')}.`,
      };
    }
  }
  const note = incrementNote(pinned);
  const completed = Date.now();
  const report: ImportReport = {
    job: context.jobId,
    id: spec.id,
    status,
    ...(error ? { error } : {}),
    source: spec.source,
    weaviate: spec.weaviate,
    startedAt: new Date(context.startedAt).toISOString(),
    completedAt: new Date(completed).toISOString(),
    duration: completed - context.startedAt,
    objects,
    skipped,
    failed,
    references,
    classes,
    verification,
    ...(note === undefined ? {} : { note }),
    ...(failed > 0 ? { rejected: `${spec.reports.replace(/\/+$/, '')}/${spec.id}/rejected/` } : {}),
    failures,
  };
  await place.reports.put(`${place.root}report.json`, Buffer.from(`${JSON.stringify(report, null, 2)}\n`), {
    contentType: 'application/json',
  });
  return { status, ...(error ? { error } : {}), report: report as unknown as Json };
}

async function sample(
  pinned: PinnedImport,
  place: ImportPlace,
  context: JobContext,
  found: ImportReport['verification'],
): Promise<void> {
  const files = pinned.files.filter((file) => file.rows > 0);
  const step = Math.max(1, Math.floor(files.length / FILES_SAMPLED));
  for (let i = 0; i < files.length; i += step) {
    const { key, class: index } = files[i]!;
    const { target } = pinned.classes[index]!;
    const file = await VectorFile.open(place.source, key, context.signal);
    for (const { object, tenant } of await file.group(file.rowGroups >> 1, ROWS_SAMPLED)) {
      const there = await place.client.object(target, object.id, tenant, context.signal);
      if (!there) {
        found.missing++;
        if (found.examples.length < 20) found.examples.push(`${target}/${object.id} is not there`);
        continue;
      }
      found.compared++;
      // With `skip`, an object that was there before may be another one.
      if (pinned.spec.onConflict === 'skip' && !pinned.classes[index]!.empty) continue;
      const wrong = differences(underNewNames(object, pinned.spec.rename), there);
      if (wrong.length === 0) continue;
      found.different++;
      if (found.examples.length < 20) {
        found.examples.push(`${target}/${object.id} differs in ${wrong.join(', ')}`);
      }
    }
  }
}

function underNewNames(object: VectorObject, rename: Record<string, string>): VectorObject {
  if (!object.references) return object;
  const references: Record<string, Reference[]> = {};
  for (const [property, list] of Object.entries(object.references)) {
    references[property] = list.map(({ id, className }) =>
      className === undefined ? { id } : { id, className: rename[className] ?? className },
    );
  }
  return { ...object, references };
}
