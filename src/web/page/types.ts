/** What the API answers with; the shapes are the service's own. */
export type { JobEvent } from '../../jobs/engine.ts';
export { isFinal, type JobRecord, type JobStatus, type PartStatus, type Progress } from '../../jobs/job.ts';
export type { PartRecord } from '../../jobs/part.ts';

/** What is known of a table, as src/tables/state.ts keeps it; as much of it as is shown. */
export interface TableState {
  table: string;
  location: string;
  status: string;
  commit: string;
  updatedAt: string;
  job: string;
  error?: { code: string; message: string };
  exported?: { method: string; commit: string; targetVersion: number };
  registered?: string;
}
