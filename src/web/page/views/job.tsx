import { useState } from 'preact/hooks';
import { formatBytes, formatCount, formatDuration, formatTime } from '../../../base/format.ts';
import { formatAddress } from '../address.ts';
import { get } from '../api.ts';
import { useEvents, useLive, useLoaded, useThrottled } from '../hooks.ts';
import { JobActions, StartAgain } from '../parts/actions.tsx';
import { ErrorNotice } from '../parts/notice.tsx';
import { JobProgress } from '../parts/progress.tsx';
import { Route } from '../parts/route.tsx';
import { jobStatus, Status } from '../parts/status.tsx';
import { kindName, labelOf } from '../text.ts';
import { isFinal, type JobRecord } from '../types.ts';
import { PartsSection } from './job-parts.tsx';
import { durationOf } from './job-table.tsx';
import { JsonDetails, ReportSection } from './report.tsx';

/** One job: how it goes or went, its parts, its report, what was asked. */
export function JobView({ id, query }: { id: string; query: Record<string, string> }) {
  const { jobs } = useLive();
  const { value, error, reload } = useLoaded(id, () => get<JobRecord>(`/v1/jobs/${encodeURIComponent(id)}`));
  const [failed, setFailed] = useState<Error>();
  const soon = useThrottled(reload, 300);
  useEvents((event) => {
    if (event.id === id && event.type === 'status') soon();
  });
  const entry = jobs.get(id);
  // The list of what runs is the newest, unless the job has ended since.
  const newest = value && isFinal(value.status) ? undefined : entry?.job;
  const job = newest ? { ...value, ...newest, interrupted: newest.interrupted } : value;
  if (!job) {
    return (
      <>
        <Crumbs />
        <h1 tabIndex={-1}>Job {id}</h1>
        <ErrorNotice error={error} />
      </>
    );
  }
  const running = !isFinal(job.status) && !job.interrupted;
  return (
    <>
      <Crumbs />
      <div class="title">
        <h1 tabIndex={-1}>
          <span class="kind">{kindName(job.kind)}</span> {job.id}
        </h1>
        <Status status={jobStatus(job)} />
        <div class="buttons">
          <JobActions job={job} onDone={soon} onError={setFailed} />
          <StartAgain job={job} />
        </div>
      </div>
      <Route spec={job.spec} />
      <ErrorNotice error={error ?? failed} />
      <ErrorNotice error={job.error} />
      {job.interrupted ? (
        <p class="notice plain" role="status">
          The process that ran this job is gone. What it has done stays done; go on with the rest.
        </p>
      ) : null}
      {running && entry ? (
        <div class="card">
          <JobProgress entry={entry} />
        </div>
      ) : null}
      <Facts job={job} />
      <PartsSection job={job} query={query} />
      {job.report === undefined ? null : <ReportSection report={job.report} />}
      <section aria-labelledby="asked">
        <div class="section-head">
          <h2 id="asked">What was asked</h2>
        </div>
        <JsonDetails summary="Settings (spec)" value={job.spec} open />
        {job.pinned === undefined ? null : (
          <JsonDetails summary="Pinned when it started" value={job.pinned} />
        )}
      </section>
    </>
  );
}

const KNOWN = new Set(['objects', 'bytes', 'plannedObjects', 'plannedBytes', 'failed']);

function Facts({ job }: { job: JobRecord }) {
  const { counts } = job.progress;
  const took = durationOf(job);
  const facts: [string, string | undefined, string?][] = [
    ['Created', formatTime(job.createdAt)],
    ['Ended', job.completedAt == null ? undefined : formatTime(job.completedAt)],
    ['Took', took === undefined ? undefined : formatDuration(took)],
    ['Objects', counts.objects === undefined ? undefined : formatCount(counts.objects)],
    ['Volume', counts.bytes ? formatBytes(counts.bytes) : undefined],
    ['Mean rate', took && counts.bytes ? `${formatBytes((counts.bytes / took) * 1000)}/s` : undefined],
    ['Failed', counts.failed ? formatCount(counts.failed) : undefined, 'bad'],
    ...Object.entries(counts)
      .filter(([name, count]) => !KNOWN.has(name) && count > 0)
      .map(([name, count]): [string, string] => [
        labelOf(name),
        /bytes/i.test(name) ? formatBytes(count) : formatCount(count),
      ]),
    ['Attempts', job.attempts > 1 ? String(job.attempts) : undefined],
  ];
  return (
    <dl class="figures facts">
      {facts.map(([name, value, look]) =>
        value === undefined ? null : (
          <div key={name} class={look}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

function Crumbs() {
  return (
    <nav class="crumbs" aria-label="Where you are">
      <a href={formatAddress('jobs')}>Jobs</a>
    </nav>
  );
}
