import { useState } from 'preact/hooks';
import { formatDuration } from '../../../base/format.ts';
import { useLive, useNow } from '../hooks.ts';
import type { LiveJob } from '../live.ts';
import { JobActions } from '../parts/actions.tsx';
import { JobLink } from '../parts/job-link.tsx';
import { ErrorNotice } from '../parts/notice.tsx';
import { JobProgress } from '../parts/progress.tsx';
import { Route } from '../parts/route.tsx';
import { jobStatus, Status } from '../parts/status.tsx';
import { Ago } from '../parts/time.tsx';
import type { JobRecord } from '../types.ts';

/** Most that are shown with their progress; the list has all. */
const SHOWN = 20;

/** The jobs that have not ended: those that run, as they go, and those whose process is gone. */
export function RunningJobs() {
  const { jobs, loaded, more } = useLive();
  const all = [...jobs.values()].sort((a, b) => order(a) - order(b) || b.job.createdAt - a.job.createdAt);
  const running = all.filter(({ job }) => !job.interrupted);
  const interrupted = all.filter(({ job }) => job.interrupted);
  const hidden = running.length - SHOWN;
  return (
    <>
      <section aria-labelledby="running">
        <div class="section-head">
          <h2 id="running">
            Running now <span class="count">{loaded ? `${running.length}${more ? '+' : ''}` : ''}</span>
          </h2>
        </div>
        {loaded && running.length === 0 ? <p class="empty">Nothing runs.</p> : null}
        <ul class="running">
          {running.slice(0, SHOWN).map((entry) => (
            <RunningJob key={entry.job.id} entry={entry} />
          ))}
        </ul>
        {hidden > 0 ? (
          <p class="empty">
            {hidden}
            {more ? ' or more' : ''} further ones are in the list below.
          </p>
        ) : null}
      </section>
      {interrupted.length > 0 ? <InterruptedJobs jobs={interrupted.map(({ job }) => job)} /> : null}
    </>
  );
}

/** Nothing works on these, until someone goes on with them. */
function InterruptedJobs({ jobs }: { jobs: readonly JobRecord[] }) {
  const now = useNow(10_000);
  const [error, setError] = useState<Error>();
  return (
    <section aria-labelledby="interrupted">
      <div class="section-head">
        <h2 id="interrupted">
          Interrupted <span class="count">{jobs.length}</span>
        </h2>
      </div>
      <p class="soft">The process that ran them is gone. What they have done stays done.</p>
      <ErrorNotice error={error} />
      <ul class="running">
        {jobs.slice(0, SHOWN).map((job) => (
          <li key={job.id} class="card job-card">
            <div class="job-head">
              <Status status={jobStatus(job)} />
              <JobLink job={job} />
              <span class="since">
                <Ago at={job.createdAt} now={now} />
              </span>
              <JobActions job={job} onError={setError} />
            </div>
            <Route spec={job.spec} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function RunningJob({ entry }: { entry: LiveJob }) {
  const { job } = entry;
  const now = useNow(1000);
  const [error, setError] = useState<Error>();
  return (
    <li class="card job-card">
      <div class="job-head">
        <Status status={jobStatus(job)} />
        <JobLink job={job} />
        <span class="since">{formatDuration(Math.max(0, now - (job.startedAt ?? job.createdAt)))}</span>
        <JobActions job={job} onError={setError} />
      </div>
      <Route spec={job.spec} />
      <JobProgress entry={entry} />
      <ErrorNotice error={error} />
    </li>
  );
}

function order({ job }: LiveJob): number {
  return job.status === 'TRANSFERRING' ? 0 : 1;
}
