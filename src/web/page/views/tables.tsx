import { formatAddress } from '../address.ts';
import { get } from '../api.ts';
import { useEvents, useLoaded, useNow, useThrottled } from '../hooks.ts';
import { Empty, ErrorNotice } from '../parts/notice.tsx';
import { Search } from '../parts/search.tsx';
import { Status } from '../parts/status.tsx';
import { Cell, type Column, Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import type { TableState } from '../types.ts';

interface BranchTables {
  repository: string;
  branch: string;
  tables: TableState[];
  error?: string;
}

const COLUMNS: readonly Column[] = [
  { label: 'Status' },
  { label: 'Table' },
  { label: 'Commit' },
  { label: 'Method' },
  { label: 'Version', number: true },
  { label: 'Updated', number: true },
];
/** Rows of one branch that are shown; a search finds the others. */
const SHOWN = 200;

/** The tables that are kept in step, by repository and branch, each with the commit it is at. */
export function TablesView({ query }: { query: Record<string, string> }) {
  const { search = '' } = query;
  const now = useNow(10_000);
  const { value, error, reload } = useLoaded('tables', () => get<{ branches: BranchTables[] }>('/v1/tables'));
  const soon = useThrottled(reload, 1000);
  useEvents((event) => {
    if (event.type === 'status') soon();
  });
  const branches = (value?.branches ?? []).map((branch) => ({ ...branch, found: matching(branch, search) }));
  return (
    <>
      <div class="section-head">
        <h1 tabIndex={-1}>Tables</h1>
        {branches.length > 0 ? (
          <search class="filters">
            <Search
              first
              label="Search tables"
              value={search}
              onSearch={(text) => {
                history.replaceState(null, '', formatAddress('tables', undefined, { search: text }));
                dispatchEvent(new HashChangeEvent('hashchange'));
              }}
            />
          </search>
        ) : null}
      </div>
      <ErrorNotice error={error} />
      {value && branches.length === 0 ? (
        <Empty>
          No table is kept in step yet. They stand under <code>tables</code> in <code>sluice.yaml</code>.
        </Empty>
      ) : null}
      {branches.map(({ repository, branch, tables, found, error: why }) => {
        const id = `${repository}/${branch}`;
        return (
          <section key={id} aria-label={`Tables of ${id}`}>
            <h2>
              {repository} <span class="soft">/</span> {branch}{' '}
              <span class="count">{tables.length || ''}</span>
            </h2>
            {why ? <ErrorNotice error={{ message: why }} /> : null}
            {!why && found.length === 0 ? (
              <Empty>
                {tables.length === 0 ? 'Nothing was exported from this branch yet.' : 'No table matches.'}
              </Empty>
            ) : null}
            {found.length > 0 ? (
              <Table kind="states" caption={`Tables of ${id}`} columns={COLUMNS}>
                {found.slice(0, SHOWN).map((state) => (
                  <StateRow key={state.table} state={state} now={now} />
                ))}
              </Table>
            ) : null}
            {found.length > SHOWN ? <Empty>{found.length - SHOWN} more; search for them.</Empty> : null}
          </section>
        );
      })}
    </>
  );
}

function StateRow({ state, now }: { state: TableState; now: number }) {
  const { exported, commit, status } = state;
  const behind = exported && exported.commit !== commit && status === 'FAILED';
  return (
    <tr>
      <td class="cell-status">
        <Status status={status} />
      </td>
      <th scope="row" class="cell-job">
        <a href={formatAddress('jobs', state.job)}>{state.table}</a>
        {state.registered ? <span class="soft"> {state.registered}</span> : null}
        <div class="location" title={state.location}>
          {state.location}
        </div>
        {state.error ? <div class="why bad">{state.error.message}</div> : null}
      </th>
      <Cell label="Commit">
        <code title={commit}>{commit.slice(0, 12)}</code>
        {behind ? (
          <div class="soft">
            still at <code title={exported.commit}>{exported.commit.slice(0, 12)}</code>
          </div>
        ) : null}
      </Cell>
      <Cell label="Method">{exported?.method}</Cell>
      <Cell number label="Version">
        {exported?.targetVersion}
      </Cell>
      <Cell number label="Updated">
        <Ago at={Date.parse(state.updatedAt)} now={now} />
      </Cell>
    </tr>
  );
}

function matching({ tables }: BranchTables, search: string): TableState[] {
  const wanted = search.toLowerCase();
  return tables.filter(({ table, commit, status, location }) =>
    [table, commit, status, location].some((text) => text.toLowerCase().includes(wanted)),
  );
}
