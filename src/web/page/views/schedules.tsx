import { useState } from 'preact/hooks';
import { formatTime } from '../../../base/format.ts';
import type { Json } from '../../../base/json.ts';
import { formatAddress } from '../address.ts';
import { get, post } from '../api.ts';
import { useEvents, useLoaded, useNow, useThrottled } from '../hooks.ts';
import { live } from '../live.ts';
import { Empty, ErrorNotice } from '../parts/notice.tsx';
import { Route } from '../parts/route.tsx';
import { Status } from '../parts/status.tsx';
import { formatAgo, formatUntil, kindName } from '../text.ts';
import type { JobRecord } from '../types.ts';

/** As GET /v1/schedules gives it. */
interface Schedule {
  name: string;
  cron?: string;
  timezone?: string;
  on?: { repository: string; branch: string };
  job: { kind: string; spec: Json };
  paused: boolean;
  next?: number;
  last?: { at: number; job: string; status: string };
  failures: number;
}

/** The schedules of the configuration: what comes next, what was last; run now, pause, go on. */
export function SchedulesView() {
  const now = useNow(1000);
  const { value, error, reload } = useLoaded('schedules', () =>
    get<{ schedules: Schedule[] }>('/v1/schedules'),
  );
  const [failed, setFailed] = useState<Error>();
  const soon = useThrottled(reload, 500);
  useEvents((event) => {
    if (event.type === 'status') soon();
  });
  const act = async (name: string, action: 'run' | 'pause' | 'resume'): Promise<void> => {
    setFailed(undefined);
    try {
      const answer = await post<JobRecord>(`/v1/schedules/${encodeURIComponent(name)}/${action}`);
      if (action === 'run') live.add(answer);
    } catch (thrown) {
      setFailed(thrown as Error);
    }
    reload();
  };
  return (
    <>
      <h1 tabIndex={-1}>Schedules</h1>
      <ErrorNotice error={error ?? failed} />
      {value && value.schedules.length === 0 ? (
        <Empty>
          No schedule yet. They stand under <code>schedules</code> in <code>sluice.yaml</code>.
        </Empty>
      ) : null}
      {value && value.schedules.length > 0 ? (
        <table class="schedules">
          <caption class="unseen">Schedules</caption>
          <thead>
            <tr>
              <th scope="col">Schedule</th>
              <th scope="col">When</th>
              <th scope="col">Next</th>
              <th scope="col">Last</th>
              <th scope="col">
                <span class="unseen">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {value.schedules.map((schedule) => (
              <ScheduleRow key={schedule.name} schedule={schedule} now={now} act={act} />
            ))}
          </tbody>
        </table>
      ) : null}
    </>
  );
}

function ScheduleRow(props: {
  schedule: Schedule;
  now: number;
  act: (name: string, action: 'run' | 'pause' | 'resume') => Promise<void>;
}) {
  const { schedule, now, act } = props;
  const { name, cron, timezone, on, job, paused, next, last, failures } = schedule;
  return (
    <tr>
      <th scope="row" class="cell-job">
        <b>{name}</b> <span class="kind">{kindName(job.kind)}</span>
        <Route spec={job.spec} />
      </th>
      <td data-label="When">
        {cron ? (
          <>
            <code>{cron}</code> <span class="soft">{timezone}</span>
          </>
        ) : null}
        {on ? (
          <>
            when <code>{`${on.repository}/${on.branch}`}</code> moves
          </>
        ) : null}
      </td>
      <td data-label="Next">
        {paused ? <span class="soft">Paused</span> : null}
        {next && !paused ? <span title={formatTime(next)}>{formatUntil(next, now)}</span> : null}
        {!next && !paused ? <span class="soft">–</span> : null}
      </td>
      <td data-label="Last">
        {last ? (
          <a class="last" href={formatAddress('jobs', last.job)}>
            <Status status={last.status} /> <span title={formatTime(last.at)}>{formatAgo(last.at, now)}</span>
          </a>
        ) : (
          <span class="soft">Never</span>
        )}
        {failures > 1 ? <div class="bad">{failures} failures in a row</div> : null}
      </td>
      <td class="buttons">
        <button type="button" aria-label={`Run now: ${name}`} onClick={() => act(name, 'run')}>
          Run now
        </button>
        <button
          type="button"
          class="quiet"
          aria-label={`${paused ? 'Resume' : 'Pause'} ${name}`}
          onClick={() => act(name, paused ? 'resume' : 'pause')}
        >
          {paused ? 'Resume' : 'Pause'}
        </button>
      </td>
    </tr>
  );
}
