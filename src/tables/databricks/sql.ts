import { SluiceError } from '../../base/errors.ts';
import type { RestClient } from '../rest.ts';
import { type Polling, poll } from './polling.ts';

interface Statement {
  statement_id: string;
  status: {
    state: 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELED' | 'CLOSED';
    error?: { error_code?: string; message?: string };
  };
}

/** A name inside SQL, whatever its characters. */
export const identifier = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** A text inside SQL, for the places that take no parameter. */
export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/**
 * Runs a statement on a SQL warehouse (Statement Execution API 2.0); one that is off is started by the workspace.
 * @throws SluiceError with the warehouse's own error; TIMEOUT, CANCELED after canceling the statement
 */
export async function runSql(
  rest: RestClient,
  warehouseId: string,
  statement: string,
  polling: Polling,
  signal: AbortSignal,
): Promise<void> {
  const first = await rest.call<Statement>({
    method: 'POST',
    path: '/api/2.0/sql/statements',
    body: { warehouse_id: warehouseId, statement, wait_timeout: '30s', on_wait_timeout: 'CONTINUE' },
    signal,
  });
  const path = `/api/2.0/sql/statements/${encodeURIComponent(first.statement_id)}`;
  let known: Statement | undefined = first;
  const { status } = await poll(
    polling,
    `The statement "${statement.slice(0, 80)}" (${rest.name}, warehouse ${warehouseId})`,
    signal,
    async () => {
      const now: Statement = known ?? (await rest.call<Statement>({ method: 'GET', path, signal }));
      known = undefined;
      return now.status.state === 'PENDING' || now.status.state === 'RUNNING' ? undefined : now;
    },
    async () => {
      await rest.call({ method: 'POST', path: `${path}/cancel`, signal: AbortSignal.timeout(20_000) });
    },
  );
  if (status.state === 'SUCCEEDED') return;
  const { error_code: code, message } = status.error ?? {};
  throw new SluiceError(
    'UNAVAILABLE',
    `${rest.name} ended "${statement.slice(0, 120)}" as ${status.state}: ${[code, message].filter(Boolean).join(': ') || 'no reason given'}`,
    { retryable: false },
  );
}
