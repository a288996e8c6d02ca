import { useState } from 'preact/hooks';
import { formatDuration } from '../../../commands/format.ts';
import { formatAddress } from '../address.ts';
import { useLive, useNow } from '../hooks.ts';
import type { LiveJob } from '../live.ts';
import { JobActions } from '../parts/actions.tsx';
import { ErrorNotice } from '../parts/notice.tsx';
import { JobProgress } from '../parts/progress.tsx';
import { Route } from '../parts/route.tsx';
import { jobStatus, Status } from '../parts/status.tsx';
import { kindName } from '../text.ts';

/** Most that are shown with their progress; the list has all. */
const SHOWN = 20;

/** The jobs that have not ended, as they go. */
export function RunningJobs() {
  const { jobs, loaded, more } = useLive();
  const running = [...jobs.values()].sort((a, b) => order(a) - order(b) || b.job.createdAt - a.job.createdAt);
  const hidden = running.length - SHOWN;
  return (
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
        <a class="job-link" href={formatAddress('jobs', job.id)}>
          <span class="kind">{kindName(job.kind)}</span> <span class="id">{job.id}</span>
        </a>
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
