import { useState } from 'preact/hooks';
import { formatBytes, formatCount, formatDuration } from '../../../base/format.ts';
import { formatAddress } from '../address.ts';
import { get } from '../api.ts';
import { useEvents, useLoaded, useThrottled } from '../hooks.ts';
import { Empty, ErrorNotice } from '../parts/notice.tsx';
import { Pager } from '../parts/pager.tsx';
import { Search } from '../parts/search.tsx';
import { Status, statusWord } from '../parts/status.tsx';
import { Cell, type Column, Table } from '../parts/table.tsx';
import { isFinal, type JobRecord, type PartRecord, type PartStatus } from '../types.ts';

const COLUMNS: readonly Column[] = [
  { label: 'Status' },
  { label: 'Part' },
  { label: 'Objects', number: true },
  { label: 'Volume', number: true },
  { label: 'Took', number: true },
  { label: 'Attempts', number: true },
];

const PAGE = 50;
/** While parts end, their list is read anew at most so often. */
const REFRESH_MS = 2000;
const ORDER: readonly PartStatus[] = ['SUCCESS', 'TRANSFERRING', 'FAILED', 'CANCELED', 'SKIPPED', 'PENDING'];

/** The parts of a job, in order of id; by status and searched, a page at a time. */
export function PartsSection({ job, query }: { job: JobRecord; query: Record<string, string> }) {
  const { status = '', search = '' } = query;
  const [cursors, setCursors] = useState<string[]>([]);
  const after = cursors.at(-1);
  const { value, error, reload } = useLoaded(JSON.stringify([job.id, status, search, after]), () =>
    get<{ parts: PartRecord[]; next?: string }>(`/v1/jobs/${encodeURIComponent(job.id)}/parts`, {
      ...{ status, search, after, limit: PAGE },
    }),
  );
  const soon = useThrottled(reload, REFRESH_MS);
  useEvents((event) => {
    if (event.id === job.id && event.type !== 'progress') soon();
  });
  const go = (change: Record<string, string>): void => {
    setCursors([]);
    history.replaceState(null, '', formatAddress('jobs', job.id, { status, search, ...change }));
    dispatchEvent(new HashChangeEvent('hashchange'));
  };
  const { parts: counts, planned } = job.progress;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return (
    <section aria-labelledby="parts">
      <div class="section-head">
        <h2 id="parts">
          Parts <span class="count">{total ? `${formatCount(total)}${planned ? '' : '+'}` : ''}</span>
        </h2>
        <search class="filters">
          <Search first label="Search parts" value={search} onSearch={(text) => go({ search: text })} />
        </search>
      </div>
      {total > 0 ? (
        <>
          <div class="shares" aria-hidden="true">
            {ORDER.map((each) =>
              counts[each] ? (
                <div key={each} class={swatch(each)} style={{ flexGrow: counts[each] }} />
              ) : null,
            )}
          </div>
          <fieldset class="chips">
            <legend class="unseen">Show parts by status</legend>
            <button type="button" aria-pressed={status === ''} onClick={() => go({ status: '' })}>
              All
            </button>
            {ORDER.map((each) =>
              counts[each] ? (
                <button
                  key={each}
                  type="button"
                  aria-pressed={status === each}
                  onClick={() => go({ status: each })}
                >
                  <i class={swatch(each)} />
                  {statusWord(each)} {formatCount(counts[each])}
                </button>
              ) : null,
            )}
          </fieldset>
        </>
      ) : null}
      <ErrorNotice error={error} />
      {value && value.parts.length === 0 ? (
        <Empty>
          {search || status
            ? 'No part matches.'
            : isFinal(job.status)
              ? 'No part was planned.'
              : 'No part is planned yet.'}
        </Empty>
      ) : null}
      {value && value.parts.length > 0 ? (
        <Table kind="parts" caption="Parts, in order of id" columns={COLUMNS}>
          {value.parts.map((part) => (
            <PartRow key={part.id} part={part} />
          ))}
        </Table>
      ) : null}
      <Pager
        label="Pages of parts"
        before="Before"
        after="After"
        onBefore={cursors.length > 0 ? () => setCursors(cursors.slice(0, -1)) : undefined}
        onAfter={value?.next === undefined ? undefined : () => setCursors([...cursors, value.next!])}
      />
    </section>
  );
}

const swatch = (status: PartStatus): string => `swatch status-${status.toLowerCase()}`;

function PartRow({ part }: { part: PartRecord }) {
  const { counts = {}, failures = [] } = part;
  return (
    <tr>
      <td class="cell-status">
        <Status status={part.status} />
      </td>
      <th scope="row" class="cell-job">
        <span class="label" title={part.id}>
          {part.label}
        </span>
        {part.error ? <div class="why bad">{part.error.message}</div> : null}
        {part.skipped ? <div class="why">{part.skipped}</div> : null}
        {failures.length > 0 ? (
          <details>
            <summary>{formatCount(failures.length)} that failed</summary>
            <ul class="failures">
              {failures.map(({ item, code, message }) => (
                <li key={item}>
                  <b>{item}</b> {message} <code>{code}</code>
                </li>
              ))}
            </ul>
          </details>
        ) : null}
      </th>
      <Cell number label="Objects">
        {part.status === 'TRANSFERRING' || part.status === 'PENDING'
          ? undefined
          : formatCount(counts.objects ?? 0)}
      </Cell>
      <Cell number label="Volume">
        {counts.bytes ? formatBytes(counts.bytes) : undefined}
      </Cell>
      <Cell number label="Took">
        {part.startedAt && part.completedAt ? formatDuration(part.completedAt - part.startedAt) : undefined}
      </Cell>
      <Cell number label="Attempts">
        {part.attempts}
      </Cell>
    </tr>
  );
}
