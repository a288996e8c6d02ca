import { useState } from 'preact/hooks';
import { formatTime } from '../../../base/format.ts';
import type { Json } from '../../../base/json.ts';
import { formatAddress } from '../address.ts';
import { get, post, remove } from '../api.ts';
import { useEvents, useLoaded, useNow, useThrottled } from '../hooks.ts';
import { live } from '../live.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Empty, ErrorNotice } from '../parts/notice.tsx';
import { Route } from '../parts/route.tsx';
import { Status } from '../parts/status.tsx';
import { Cell, type Column, Table } from '../parts/table.tsx';
import type { Schedule } from '../schedule-form.ts';
import { formatAgo, formatUntil, kindName } from '../text.ts';
import type { JobRecord } from '../types.ts';

const COLUMNS: readonly Column[] = [
  { label: 'Schedule' },
  { label: 'When' },
  { label: 'Next' },
  { label: 'Last' },
  { label: 'What can be done', unseen: true },
];
type Action = 'run' | 'pause' | 'resume';

/** The schedules: what comes next, what was last; run now, pause, go on; those that were made here can be changed. */
export function SchedulesView() {
  const now = useNow(1000);
  const { value, error, reload } = useLoaded('schedules', () =>
    get<{ schedules: Schedule[] }>('/v1/schedules'),
  );
  const [failed, setFailed] = useState<Error>();
  const [leaving, setLeaving] = useState<string>();
  const soon = useThrottled(reload, 500);
  useEvents((event) => {
    if (event.type === 'status') soon();
  });
  const act = async (name: string, action: Action): Promise<void> => {
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
      <div class="section-head">
        <h1 tabIndex={-1}>Schedules</h1>
        <a class="button" href={formatAddress('schedule')}>
          New schedule
        </a>
      </div>
      <ErrorNotice error={error ?? failed} />
      {value && value.schedules.length === 0 ? (
        <Empty>
          No schedule yet. <a href={formatAddress('schedule')}>Make the first one</a>, or write it under{' '}
          <code>schedules</code> in <code>sluice.yaml</code>.
        </Empty>
      ) : null}
      {value && value.schedules.length > 0 ? (
        <Table kind="schedules" caption="Schedules" columns={COLUMNS}>
          {value.schedules.map((schedule) => (
            <ScheduleRow
              key={schedule.name}
              schedule={schedule}
              now={now}
              act={act}
              onDelete={() => setLeaving(schedule.name)}
            />
          ))}
        </Table>
      ) : null}
      {leaving === undefined ? null : (
        <Confirm
          title={`Delete the schedule ${leaving}?`}
          text="It starts nothing any more. Its jobs, and what they exported, stay."
          yes="Delete it"
          onYes={async () => {
            await remove(`/v1/schedules/${encodeURIComponent(leaving)}`);
            reload();
          }}
          onClose={() => setLeaving(undefined)}
        />
      )}
    </>
  );
}

function ScheduleRow(props: {
  schedule: Schedule;
  now: number;
  act: (name: string, action: Action) => Promise<void>;
  onDelete: () => void;
}) {
  const { schedule, now, act, onDelete } = props;
  const { name, cron, timezone, on, keep, job, editable, paused, next, last, failures, retention } = schedule;
  return (
    <tr>
      <th scope="row" class="cell-job">
        <b>{name}</b> <span class="kind">{kindName(job.kind)}</span>
        {editable ? null : (
          <span class="tag" title="It stands in sluice.yaml, and is changed there.">
            sluice.yaml
          </span>
        )}
        <Route spec={specWithSource(schedule)} />
        {keep ? (
          <div class="soft">
            keeps {keepText(keep)}
            {retention && !retention.error
              ? `; ${retention.kept} kept, ${retention.deleted} deleted last time`
              : ''}
          </div>
        ) : null}
        {retention?.error ? <div class="why bad">{retention.error}</div> : null}
      </th>
      <Cell label="When">
        {cron ? (
          <>
            <code>{cron}</code> <span class="soft">{timezone}</span>
          </>
        ) : null}
        {on ? (
          <>
            <code>{`${on.repository}/${on.branch}`}</code> moves
          </>
        ) : null}
      </Cell>
      <Cell label="Next">
        {paused ? <span class="soft">Paused</span> : null}
        {next && !paused ? <span title={formatTime(next)}>{formatUntil(next, now)}</span> : null}
        {!next && !paused ? <span class="soft">–</span> : null}
      </Cell>
      <Cell label="Last">
        {last ? (
          <a class="last" href={formatAddress('jobs', last.job)}>
            <Status status={last.status} /> <span title={formatTime(last.at)}>{formatAgo(last.at, now)}</span>
          </a>
        ) : (
          <span class="soft">Never</span>
        )}
        {failures > 1 ? <div class="bad">{failures} failures in a row</div> : null}
      </Cell>
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
        {editable ? (
          <>
            <a class="button quiet" href={formatAddress('schedule', name)} aria-label={`Change ${name}`}>
              Change
            </a>
            <button type="button" class="quiet" aria-label={`Delete ${name}`} onClick={onDelete}>
              Delete
            </button>
          </>
        ) : null}
      </td>
    </tr>
  );
}

/** A job that follows a branch exports that branch, unless it says otherwise. */
function specWithSource({ on, job }: Schedule): Json {
  const source = on && `lakefs://${on.repository}/${on.branch}`;
  return source ? { source, ...(job.spec as { [name: string]: Json }) } : job.spec;
}

function keepText(keep: Record<string, number>): string {
  return Object.entries(keep)
    .map(([name, count]) => (name === 'last' ? `the last ${count}` : `${count} ${name}`))
    .join(', ');
}
