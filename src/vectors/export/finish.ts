import { isError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { addCounts, type JobFailure } from '../../jobs/job.ts';
import type { FinishResult, JobContext, Outcome } from '../../jobs/kind.ts';
import type { ItemFailure } from '../../jobs/part.ts';
import { type FileLayer, openChain } from '../chain.ts';
import { shapeOf } from '../schema.ts';
import {
  columnsOf,
  type ExportPartBody,
  type ExportPartData,
  type ExportPlace,
  METADATA_FILE,
  OWN_FOLDER,
  type PinnedVectors,
  schemaOf,
} from './pinned.ts';
import { type ClassReport, makeReport, newClassReport, type VectorReport } from './report.ts';
import { rereadChanged } from './reread.ts';
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
  const reread =
    status === 'SUCCESS' && pinned.spec.source === 'api'
      ? await rereadChanged(pinned, outcome, place, context)
      : undefined;
  for await (const part of outcome.parts()) {
    const body = part.body as ExportPartBody;
    const report = classes[body.class]!;
    for (const failure of part.failures) if (failures.length < 1000) failures.push(failure);
    if (part.error) report.errors.push(`${part.label}: ${part.error.message}`);
    const data = reread?.data.get(part.id) ?? (part.data as ExportPartData | undefined);
    if (data) takePart(body, data, report);
  }
  const verifier = new Verifier(pinned, place, context.signal);
  if (status === 'SUCCESS') {
    error = await verify(pinned, classes, verifier, place, context);
    if (error) status = 'FAILED';
  }
  const report = makeReport({
    pinned,
    status,
    error,
    classes,
    failures,
    reread,
    found: verifier.found,
    context,
  });
  await write(place, REPORT_FILE, report);
  // A canceled export gives its id free again, as Weaviate's own does.
  if (status === 'SUCCESS') await write(place, METADATA_FILE, metadataOf(pinned, report, classes));
  return { status, ...(error ? { error } : {}), report: report as unknown as Json };
}

function takePart(body: ExportPartBody, data: ExportPartData, report: ClassReport): void {
  const tenants = Object.keys(data.rows);
  report.skipped.push(...data.skipped);
  addCounts(report.rows, data.rows);
  for (const [tenant, balance] of Object.entries(data.balance ?? {})) {
    report.balance[tenant] = addCounts(report.balance[tenant] ?? {}, balance);
  }
  for (const slice of body.slices) if (slice.gone) report.gone.push(slice.tenant!);
  if (data.deleted) report.deleted.push({ ...data.deleted, tenants });
  if (!data.file) return;
  report.files.push({ ...data.file, tenants });
  report.objects += data.file.rows;
  report.bytes += data.file.bytes;
}

async function verify(
  pinned: PinnedVectors,
  classes: ClassReport[],
  verifier: Verifier,
  place: ExportPlace,
  context: JobContext,
): Promise<JobFailure | undefined> {
  const { verify: how, since, source } = pinned.spec;
  const earlier = since === undefined ? [] : await openChain(context.open, since, context.signal);
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
    const skipped = new Set(report.skipped.map((each) => each.tenant));
    for (const [tenant, rows] of Object.entries(report.rows)) {
      if (skipped.has(tenant)) continue;
      const layers = layersOf(report, tenant, source === 'native', place);
      const {
        earlier: known,
        added,
        deleted,
      } = report.balance[tenant] ?? { earlier: 0, added: 0, deleted: 0 };
      const expected = since === undefined ? rows : known! + added! - deleted!;
      const named = tenant === '' ? undefined : tenant;
      await verifier.countOrCompare(index, named, [...layers, ...earlier], expected);
    }
    if (how === 'sample') {
      const step = Math.max(1, Math.floor(report.files.length / FILES_SAMPLED));
      for (let i = 0; i < report.files.length; i += step) await verifier.sample(index, report.files[i]!.key);
    }
    report.shards = await shardsOf(pinned, index, report, place, context);
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

/** The files that hold rows of a tenant. Those of the server's own export overlap: each is a layer of its own. */
function layersOf(report: ClassReport, tenant: string, apart: boolean, place: ExportPlace): FileLayer[] {
  const ofTenant = (file: { tenants: string[] }) => file.tenants.includes(tenant);
  const named = <File extends object>(file: File) => ({ class: report.name, ...file });
  const files = report.files.filter(ofTenant).map(named);
  if (apart) return files.map((file) => ({ ...place, metadata: { files: [file] } }));
  return [{ ...place, metadata: { files, deleted: report.deleted.filter(ofTenant).map(named) } }];
}

/** What the server counts in each shard, where that adds up to what was written: its shard counts lag behind. */
async function shardsOf(
  pinned: PinnedVectors,
  index: number,
  report: ClassReport,
  place: ExportPlace,
  context: JobContext,
): Promise<Record<string, number> | undefined> {
  const { name, shards } = pinned.classes[index]!;
  if (shards.length < 2 || pinned.spec.since !== undefined) return undefined;
  const counts = await place.client.shardCounts(name, context.signal).catch((error: unknown) => {
    // A role that may read objects need not be one that may look at nodes.
    if (isError(error, 'ACCESS_DENIED')) return {};
    throw error;
  });
  const sum = Object.values(counts).reduce((total, count) => total + count, 0);
  return sum === report.rows[''] ? counts : undefined;
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
    columns: columnsOf(pinned.spec),
    ...(pinned.spec.since === undefined
      ? {}
      : {
          since: pinned.spec.since,
          deleted: classes.flatMap((each) =>
            each.deleted.map(({ key, rows }) => ({ class: each.name, key, rows })),
          ),
        }),
  };
}

function shardStatus(report: ClassReport, shards: string[]): Record<string, object> {
  const status: Record<string, object> = {};
  for (const [tenant, objectsExported] of Object.entries(report.rows)) {
    if (tenant !== '') status[tenant] = { status: 'SUCCESS', objectsExported };
    else {
      for (const [shard, objects] of Object.entries(
        report.shards ?? { [shards.join(',') || report.name]: objectsExported },
      )) {
        status[shard] = { status: 'SUCCESS', objectsExported: objects };
      }
    }
  }
  for (const { tenant, reason } of report.skipped) {
    status[tenant] = { status: 'SKIPPED', objectsExported: 0, skipReason: reason };
  }
  return status;
}
