import { isError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { addCounts, type JobFailure } from '../../jobs/job.ts';
import type { FinishResult, JobContext, Outcome } from '../../jobs/kind.ts';
import type { ItemFailure, PartRecord } from '../../jobs/part.ts';
import { shapeOf } from '../schema.ts';
import { changedSince, touches } from './changes.ts';
import { type ExportPartData, type ExportPlace, exportPart } from './part.ts';
import { type ExportPartBody, METADATA_FILE, OWN_FOLDER, type PinnedVectors, schemaOf } from './pinned.ts';
import { type ClassReport, makeReport, newClassReport, type VectorReport } from './report.ts';
import { Verifier } from './verify.ts';

export const REPORT_FILE = `${OWN_FOLDER}report.json`;
/** Files of a class of which a sample is read back. */
const FILES_SAMPLED = 5;

/** Reads again what changed meanwhile, verifies, and writes the report and, last, the metadata file. */
export async function finishExport(
  pinned: PinnedVectors,
  outcome: Outcome,
  place: ExportPlace,
  context: JobContext,
): Promise<FinishResult> {
  const classes = pinned.classes.map((each) => newClassReport(each.name));
  const failures: ItemFailure[] = [];
  let { status, error } = outcome;
  for await (const part of outcome.parts()) {
    const body = part.body as ExportPartBody;
    const report = classes[body.class]!;
    const done = status === 'SUCCESS' ? await rereadIfChanged(part, pinned, place, context, report) : part;
    for (const failure of done.failures ?? []) if (failures.length < 1000) failures.push(failure);
    if (part.error) report.errors.push(`${part.label}: ${part.error.message}`);
    const data = done.data as ExportPartData | undefined;
    if (!data) continue;
    report.skipped.push(...data.skipped);
    addCounts(report.rows, data.rows);
    if (data.deleted) report.deleted.push(data.deleted);
    if (data.file) {
      report.files.push({ ...data.file, tenants: Object.keys(data.rows) });
      report.objects += data.file.rows;
      report.bytes += data.file.bytes;
    }
  }
  const verifier = new Verifier(pinned, place, context.signal);
  if (status === 'SUCCESS') {
    error = await verify(pinned, classes, verifier, place, context);
    if (error) status = 'FAILED';
  }
  const report = makeReport({ pinned, status, error, classes, failures, found: verifier.found, context });
  await write(place, REPORT_FILE, report);
  // A canceled export gives its id free again, as Weaviate's own does.
  if (status === 'SUCCESS') await write(place, METADATA_FILE, metadataOf(pinned, report, classes));
  return { status, ...(error ? { error } : {}), report: report as unknown as Json };
}

/** Objects that were updated since the export began: their part is read again, as a whole. */
async function rereadIfChanged(
  part: PartRecord,
  pinned: PinnedVectors,
  place: ExportPlace,
  context: JobContext,
  report: ClassReport,
): Promise<Pick<PartRecord, 'data' | 'failures'>> {
  const body = part.body as ExportPartBody;
  const data = part.data as ExportPartData | undefined;
  if (!data || body.slices.length === 0) return part;
  let changed = 0;
  for (const slice of body.slices) {
    if (slice.putBack !== undefined) continue;
    const known = await changedSince(place.client, pinned, body.class, slice.tenant, report, context.signal);
    changed += known === 'many' ? 1 : known.filter((id) => touches(slice, id)).length;
  }
  if (changed === 0) return part;
  report.changed += changed;
  report.readAgain++;
  const again = await exportPart(body, pinned, place, { ...context, partAttempt: 1, progress: () => {} });
  return { data: again.data, failures: again.failures ?? [] };
}

async function verify(
  pinned: PinnedVectors,
  classes: ClassReport[],
  verifier: Verifier,
  place: ExportPlace,
  context: JobContext,
): Promise<JobFailure | undefined> {
  const { verify: how } = pinned.spec;
  for (const [index, report] of classes.entries()) {
    const now = await place.client.classNamed(report.name, context.signal);
    if (!now) {
      return { code: 'CONFLICT', message: `The class ${report.name} was deleted while it was exported.` };
    }
    if (shapeOf(now) !== shapeOf(schemaOf(pinned, index))) {
      return {
        code: 'CONFLICT',
        message: `The schema of the class ${report.name} was changed while it was exported; export it again.`,
      };
    }
    if (how === 'none') continue;
    // An increment has other rows than the server has objects, and the server's own export is of a moment that
    // has passed, in files of no common order: a sample of their rows is compared.
    const whole = pinned.spec.since === undefined && pinned.spec.source === 'api';
    for (const [tenant, rows] of whole ? Object.entries(report.rows) : []) {
      const named = tenant === '' ? undefined : tenant;
      const files = report.files.filter((file) => file.tenants.includes(tenant)).map((file) => file.key);
      if (how === 'full') await verifier.everything(index, named, files, rows, 'all');
      else {
        const count = await place.client.count(report.name, named, context.signal).catch((error: unknown) => {
          // A tenant that has gone, or was put back to sleep, is not counted.
          if (isError(error, 'NOT_FOUND', 'CONFLICT')) return undefined;
          throw error;
        });
        if (count !== undefined && count !== rows) {
          await verifier.everything(index, named, files, rows, 'ids');
        }
        report.counted++;
      }
    }
    if (how === 'sample' || !whole) {
      const step = Math.max(1, Math.floor(report.files.length / FILES_SAMPLED));
      for (let i = 0; i < report.files.length; i += step) await verifier.sample(index, report.files[i]!.key);
    }
  }
  const { different, lost, examples } = verifier.found;
  if (different + lost === 0) return undefined;
  const first = examples
    .slice(0, 3)
    .map((each) => `${each.item} ${each.what}`)
    .join('; ');
  return {
    code: 'DIFFERENT',
    message: `${different + lost} objects are not in the files as they are on the server: ${first}.`,
  };
}

async function write(place: ExportPlace, name: string, value: object): Promise<void> {
  await place.store.put(`${place.root}${name}`, Buffer.from(`${JSON.stringify(value, null, 2)}\n`), {
    contentType: 'application/json',
  });
}

/** The names of Weaviate's own metadata file, with what Sluice adds: files and schemas, enough to restore. */
function metadataOf(pinned: PinnedVectors, report: VectorReport, classes: ClassReport[]): object {
  return {
    id: pinned.spec.id,
    status: report.status,
    startedAt: report.startedAt,
    completedAt: report.completedAt,
    version: pinned.version,
    classes: classes.map((each) => each.name),
    shardStatus: Object.fromEntries(
      classes.map((each, i) => [each.name, shardStatus(each, pinned.classes[i]!.shards)]),
    ),
    layout: pinned.spec.layout,
    files: classes.flatMap((each) =>
      each.files.map(({ key, rows, bytes }) => ({ class: each.name, key, rows, bytes })),
    ),
    schemas: pinned.classes.map((each) => each.schema),
    ...(pinned.spec.since === undefined
      ? {}
      : {
          since: pinned.spec.since,
          deleted: classes.flatMap((each) => each.deleted.map((file) => ({ class: each.name, ...file }))),
        }),
  };
}

function shardStatus(report: ClassReport, shards: string[]): Record<string, object> {
  const status: Record<string, object> = {};
  for (const [tenant, objectsExported] of Object.entries(report.rows)) {
    status[tenant === '' ? shards.join(',') : tenant] = { status: 'SUCCESS', objectsExported };
  }
  for (const { tenant, reason } of report.skipped) {
    status[tenant] = { status: 'SKIPPED', objectsExported: 0, skipReason: reason };
  }
  return status;
}
