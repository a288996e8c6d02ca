import { formatAddress } from '../address.ts';
import { kindName } from '../text.ts';
import type { JobRecord } from '../types.ts';

/** To a job's own view. */
export function JobLink({ job }: { job: JobRecord }) {
  return (
    <a class="job-link" href={formatAddress('jobs', job.id)}>
      <span class="kind">{kindName(job.kind)}</span> <span class="id">{job.id}</span>
    </a>
  );
}
