import { useMemo, useState } from 'preact/hooks';
import { formatAddress } from '../address.ts';
import { get } from '../api.ts';
import { FORMS } from '../forms.ts';
import { useEvents, useLive, useLoaded, useThrottled } from '../hooks.ts';
import { ErrorNotice } from '../parts/notice.tsx';
import { Pager } from '../parts/pager.tsx';
import { Choice, Search } from '../parts/search.tsx';
import { statusWord } from '../parts/status.tsx';
import { isFinal, type JobRecord } from '../types.ts';
import { HistoryPlots } from './history-plots.tsx';
import { JobTable } from './job-table.tsx';
import { RunningJobs } from './running.tsx';

const PAGE = 50;
const STATUSES = ['TRANSFERRING', 'STARTED', 'SUCCESS', 'FAILED', 'CANCELED'];

/** What runs, and all jobs, the newest first, a page at a time. */
export function JobsView({ query }: { query: Record<string, string> }) {
  const { loaded, jobs: running } = useLive();
  const { search = '', kind = '', status = '', after = '' } = query;
  const [pagesBefore, setPagesBefore] = useState<string[]>([]);
  const { value, error, reload } = useLoaded(JSON.stringify([search, kind, status, after]), () =>
    get<{ jobs: JobRecord[]; next?: string }>('/v1/jobs', { search, kind, status, after, limit: PAGE }),
  );
  const soon = useThrottled(reload, 1000);
  useEvents((event) => {
    if (event.type === 'status' && (after === '' || value?.jobs.some(({ id }) => id === event.id))) soon();
  });
  const go = (change: Record<string, string>): void => {
    location.hash = formatAddress('jobs', undefined, { search, kind, status, after, ...change });
  };
  const filter = (change: Record<string, string>): void => {
    setPagesBefore([]);
    // Typing is no place to go back to.
    const hash = formatAddress('jobs', undefined, { search, kind, status, ...change });
    history.replaceState(null, '', hash);
    dispatchEvent(new HashChangeEvent('hashchange'));
  };
  const jobs = (value?.jobs ?? []).map((job) =>
    isFinal(job.status) ? job : (running.get(job.id)?.job ?? job),
  );
  // Jobs that run change several times a second; those that have ended do not.
  const plots = useMemo(
    () => <HistoryPlots jobs={(value?.jobs ?? []).filter((job) => isFinal(job.status))} />,
    [value],
  );
  const filtered = search !== '' || kind !== '' || status !== '';
  return (
    <>
      <h1 tabIndex={-1} class="unseen">
        Jobs
      </h1>
      <RunningJobs />
      <section aria-labelledby="all-jobs">
        <div class="section-head">
          <h2 id="all-jobs">All jobs</h2>
          <search class="filters">
            <Search first label="Search" value={search} onSearch={(text) => filter({ search: text })} />
            <Choice
              label="Kind"
              value={kind}
              options={[
                ['', 'Any'],
                ...Object.entries(FORMS).map(([name, { title }]) => [name, title] as const),
              ]}
              onChange={(value) => filter({ kind: value })}
            />
            <Choice
              label="Status"
              value={status}
              options={[['', 'Any'], ...STATUSES.map((each) => [each, statusWord(each)] as const)]}
              onChange={(value) => filter({ status: value })}
            />
          </search>
        </div>
        <ErrorNotice error={error} />
        {plots}
        {value ? (
          <JobTable jobs={jobs} filtered={filtered} />
        ) : (
          <p class="empty">{error || !loaded ? '' : 'Loading…'}</p>
        )}
        <Pager
          label="Pages of jobs"
          before="Newer"
          after="Older"
          onBefore={
            after === ''
              ? undefined
              : () => {
                  setPagesBefore(pagesBefore.slice(0, -1));
                  go({ after: pagesBefore.at(-1) ?? '' });
                }
          }
          onAfter={
            value?.next === undefined
              ? undefined
              : () => {
                  setPagesBefore([...pagesBefore, after]);
                  go({ after: value.next! });
                }
          }
        />
      </section>
    </>
  );
}
