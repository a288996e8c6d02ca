import { formatBytes, formatCount, formatDuration, formatTime } from '../../../commands/format.ts';
import { formatAddress } from '../address.ts';
import { useNow } from '../hooks.ts';
import { Empty } from '../parts/notice.tsx';
import { Route } from '../parts/route.tsx';
import { jobStatus, Status } from '../parts/status.tsx';
import { formatAgo, kindName } from '../text.ts';
import type { JobRecord } from '../types.ts';

/** A page of jobs. */
export function JobTable({ jobs, filtered }: { jobs: readonly JobRecord[]; filtered: boolean }) {
  const now = useNow(10_000);
  if (jobs.length === 0) {
    return (
      <Empty>
        {filtered ? (
          <>
            No job matches. <a href={formatAddress('jobs')}>Show all</a>
          </>
        ) : (
          <>
            No job yet. <a href={formatAddress('start')}>Start the first one</a>
          </>
        )}
      </Empty>
    );
  }
  return (
    <table class="jobs">
      <caption class="unseen">Jobs, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">Job</th>
          <th scope="col">From and to</th>
          <th scope="col" class="number">
            Objects
          </th>
          <th scope="col" class="number">
            Volume
          </th>
          <th scope="col" class="number">
            Took
          </th>
          <th scope="col" class="number">
            Created
          </th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <JobRow key={job.id} job={job} now={now} />
        ))}
      </tbody>
    </table>
  );
}

function JobRow({ job, now }: { job: JobRecord; now: number }) {
  const { counts } = job.progress;
  return (
    <tr>
      <td class="cell-status">
        <Status status={jobStatus(job)} />
      </td>
      <th scope="row" class="cell-job">
        <a href={formatAddress('jobs', job.id)}>
          <span class="kind">{kindName(job.kind)}</span> <span class="id">{job.id}</span>
        </a>
      </th>
      <td class="cell-route">
        <Route spec={job.spec} />
        {job.error ? <div class="why">{job.error.message}</div> : null}
      </td>
      <td class="number" data-label="Objects">
        {counts.objects === undefined ? '–' : formatCount(counts.objects)}
        {counts.failed ? <span class="bad"> {formatCount(counts.failed)} failed</span> : null}
      </td>
      <td class="number" data-label="Volume">
        {counts.bytes ? formatBytes(counts.bytes) : '–'}
      </td>
      <td class="number" data-label="Took">
        {durationOf(job) === undefined ? '–' : formatDuration(durationOf(job)!)}
      </td>
      <td class="number" data-label="Created">
        <time dateTime={new Date(job.createdAt).toISOString()} title={formatTime(job.createdAt)}>
          {formatAgo(job.createdAt, now)}
        </time>
      </td>
    </tr>
  );
}

/** Milliseconds from its start to its end. */
export function durationOf({ startedAt, createdAt, completedAt }: JobRecord): number | undefined {
  return completedAt == null ? undefined : completedAt - (startedAt ?? createdAt);
}
