import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { FinishResult, JobContext, Outcome } from '../../jobs/kind.ts';
import { stateFolder } from '../state.ts';
import type { PinnedTables } from './pinned.ts';

/** Tables that the summary of a job names; the report names all. */
const NAMED = 200;

/** Writes the report beside the tables. What each table came to is in its own state already. */
export async function finishTables(
  { spec, pin }: PinnedTables,
  outcome: Outcome,
  context: JobContext,
): Promise<FinishResult> {
  const tables: Json[] = [];
  for await (const part of outcome.parts()) {
    const { id: table, status, skipped, error, failures, data } = part;
    const failure = error ?? failures[0];
    tables.push({
      table,
      status,
      ...(skipped === undefined ? {} : { reason: skipped }),
      ...(data as object | undefined),
      ...(failure ? { error: { code: failure.code, message: failure.message } } : {}),
    });
  }
  const { store, path } = await context.open(spec.target_base_location, {
    connection: spec.target_connection,
  });
  const key = `${stateFolder(asFolder(path), pin.branch)}reports/${context.jobId}.json`;
  const summary = {
    job: context.jobId,
    status: outcome.status,
    repository: pin.repository,
    branch: pin.branch,
    commit: pin.commit,
    target: spec.target_base_location,
    startedAt: new Date(context.startedAt).toISOString(),
    completedAt: new Date().toISOString(),
    counts: outcome.progress.counts,
    ...(outcome.error ? { error: { ...outcome.error } } : {}),
  };
  const report = Buffer.from(`${JSON.stringify({ ...summary, tables }, undefined, 2)}\n`);
  await store.put(key, report, { contentType: 'application/json' });
  return {
    status: outcome.status,
    error: outcome.error,
    report: { ...summary, report: `${store.name}/${key}`, tables: tables.slice(0, NAMED) },
  };
}
