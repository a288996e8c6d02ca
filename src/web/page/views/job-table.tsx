import { Component } from 'preact';
import { formatBytes, formatCount, formatDuration } from '../../../base/format.ts';
import { formatAddress } from '../address.ts';
import { useNow } from '../hooks.ts';
import { JobLink } from '../parts/job-link.tsx';
import { Empty } from '../parts/notice.tsx';
import { Route } from '../parts/route.tsx';
import { jobStatus, Status } from '../parts/status.tsx';
import { Cell, type Column, Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import type { JobRecord } from '../types.ts';

const COLUMNS: readonly Column[] = [
  { label: 'Status' },
  { label: 'Job' },
  { label: 'From and to' },
  { label: 'Objects', number: true },
  { label: 'Volume', number: true },
  { label: 'Took', number: true },
  { label: 'Created', number: true },
];

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
    <Table kind="jobs" caption="Jobs, newest first" columns={COLUMNS}>
      {jobs.map((job) => (
        <JobRow key={job.id} job={job} now={now} />
      ))}
    </Table>
  );
}

/** Stays as it is while its job does, however often the others change. */
class JobRow extends Component<{ job: JobRecord; now: number }> {
  override shouldComponentUpdate({ job, now }: { job: JobRecord; now: number }): boolean {
    return job !== this.props.job || now !== this.props.now;
  }

  override render({ job, now }: { job: JobRecord; now: number }) {
    const { counts } = job.progress;
    const took = durationOf(job);
    return (
      <tr>
        <td class="cell-status">
          <Status status={jobStatus(job)} />
        </td>
        <th scope="row" class="cell-job">
          <JobLink job={job} />
        </th>
        <td class="cell-route">
          <Route spec={job.spec} />
          {job.error ? <div class="why">{job.error.message}</div> : null}
        </td>
        <Cell number label="Objects">
          {counts.objects === undefined ? undefined : formatCount(counts.objects)}
          {counts.failed ? <span class="bad"> {formatCount(counts.failed)} failed</span> : null}
        </Cell>
        <Cell number label="Volume">
          {counts.bytes ? formatBytes(counts.bytes) : undefined}
        </Cell>
        <Cell number label="Took">
          {took === undefined ? undefined : formatDuration(took)}
        </Cell>
        <Cell number label="Created">
          <Ago at={job.createdAt} now={now} />
        </Cell>
      </tr>
    );
  }
}

/** Milliseconds from its start to its end. */
export function durationOf({ startedAt, createdAt, completedAt }: JobRecord): number | undefined {
  return completedAt == null ? undefined : completedAt - (startedAt ?? createdAt);
}
