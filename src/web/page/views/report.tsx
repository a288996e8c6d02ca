import { useState } from 'preact/hooks';
import { formatBytes, formatCount, formatDuration } from '../../../base/format.ts';
import type { Json } from '../../../base/json.ts';
import { Empty } from '../parts/notice.tsx';
import { Pager } from '../parts/pager.tsx';
import { Search } from '../parts/search.tsx';
import { cellOf, columnsOf, searchItems, shapeOf } from '../report.ts';
import { labelOf } from '../text.ts';

const PAGE = 50;

/** The report of a job of any kind. */
export function ReportSection({ report }: { report: Json }) {
  const { facts, groups, lists } = shapeOf(report);
  const [search, setSearch] = useState('');
  return (
    <section aria-labelledby="report">
      <div class="section-head">
        <h2 id="report">Report</h2>
        {lists.length > 0 ? (
          <search class="filters">
            <Search label="Search the report" value={search} onSearch={setSearch} />
          </search>
        ) : null}
      </div>
      <div class="report">
        {facts.length > 0 ? <FactList facts={facts} /> : null}
        {groups.map(([name, each]) => (
          <div key={name}>
            <h3>{labelOf(name)}</h3>
            <FactList facts={each} />
          </div>
        ))}
      </div>
      {lists.map(([name, items]) => (
        <ReportList key={`${name} ${search}`} name={name} items={items} search={search} />
      ))}
      <JsonDetails summary="The whole report as JSON" value={report} />
    </section>
  );
}

function FactList({ facts }: { facts: [string, Json][] }) {
  return (
    <dl class="fact-list">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{labelOf(name)}</dt>
          <dd>{textOf(name, value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function ReportList({ name, items, search }: { name: string; items: Json[]; search: string }) {
  const [start, setStart] = useState(0);
  const found = searchItems(items, search);
  const columns = columnsOf(items);
  const shown = found.slice(start, start + PAGE);
  const count = search
    ? `${formatCount(found.length)} of ${formatCount(items.length)}`
    : formatCount(items.length);
  return (
    <>
      <h3>
        {labelOf(name)} <span class="count">{count}</span>
      </h3>
      {found.length === 0 ? <Empty>Nothing matches.</Empty> : null}
      {found.length > 0 && columns.length === 0 ? (
        <ul class="plain">
          {shown.map((item) => (
            <li key={String(item)}>{String(item)}</li>
          ))}
        </ul>
      ) : null}
      {found.length > 0 && columns.length > 0 ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        <section class="scroll" aria-label={labelOf(name)} tabIndex={0}>
          <table>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    {labelOf(column)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((item, i) => (
                <tr key={`${start + i}`}>
                  {columns.map((column) => (
                    <td key={column}>{textOf(column, cellOf(item, column))}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : null}
      <Pager
        label={`Pages of ${labelOf(name)}`}
        before="Before"
        after="After"
        onBefore={start > 0 ? () => setStart(start - PAGE) : undefined}
        onAfter={start + PAGE < found.length ? () => setStart(start + PAGE) : undefined}
      >
        {`${formatCount(start + 1)} to ${formatCount(start + shown.length)}`}
      </Pager>
    </>
  );
}

/** Any value, shown whole when asked for. */
export function JsonDetails({ summary, value, open }: { summary: string; value: Json; open?: boolean }) {
  return (
    <details class="json" open={open}>
      <summary>{summary}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <pre tabIndex={0}>{JSON.stringify(value, undefined, 2)}</pre>
    </details>
  );
}

function textOf(name: string, value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') {
    if (/bytes/i.test(name)) return formatBytes(value);
    return name === 'duration' ? formatDuration(value) : formatCount(value);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
