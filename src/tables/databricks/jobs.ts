import { SluiceError } from '../../base/errors.ts';
import type { RestClient } from '../rest.ts';
import { type Polling, poll } from './polling.ts';

export interface NotebookRun {
  runName: string;
  clusterId: string;
  notebookPath: string;
  parameters: Record<string, string>;
  /** Two submissions with the same are one run. At most 64 characters. */
  idempotencyToken: string;
}

interface Run {
  run_id: number;
  run_page_url?: string;
  state?: { life_cycle_state: string; result_state?: string; state_message?: string };
  tasks?: { run_id: number }[];
}

/** How long a canceled run may take to be canceled over there. */
const CANCEL_MS = 20_000;

const ENDED = new Set(['TERMINATED', 'SKIPPED', 'INTERNAL_ERROR']);

/**
 * Runs a notebook once on an existing cluster (Jobs API 2.1) and waits for its end; a cluster that is off is started
 * by the workspace, which takes minutes.
 * @returns the run's id and page
 * @throws SluiceError with the notebook's own error and the run's page; TIMEOUT, CANCELED after canceling the run
 */
export async function runNotebook(
  rest: RestClient,
  notebook: NotebookRun,
  polling: Polling,
  signal: AbortSignal,
): Promise<{ runId: number; page: string }> {
  const runId = await submit(rest, notebook, signal);
  const run = await poll(
    polling,
    `Run ${runId} of ${notebook.notebookPath} (${rest.name})`,
    signal,
    async () => {
      const run = await rest.call<Run>({
        method: 'GET',
        path: '/api/2.1/jobs/runs/get',
        query: { run_id: runId },
        signal,
      });
      return ENDED.has(run.state?.life_cycle_state ?? '') ? run : undefined;
    },
    async () => {
      await rest.call({
        method: 'POST',
        path: '/api/2.1/jobs/runs/cancel',
        body: { run_id: runId },
        signal: AbortSignal.timeout(CANCEL_MS),
      });
    },
  );
  const page = run.run_page_url ?? '';
  if (run.state?.result_state === 'SUCCESS') return { runId, page };
  const why = await errorOf(rest, run, signal);
  const result = run.state?.result_state ?? run.state?.life_cycle_state;
  throw new SluiceError(
    'UNAVAILABLE',
    `Run ${runId} of ${notebook.notebookPath} ended as ${result}: ${why} ${page === '' ? '' : `See ${page}`}`.trim(),
    // A run under the same token is not started again: a new attempt needs a new job.
    { retryable: false },
  );
}

/** A cancel waits a moment for the answer: only the id that it brings lets the run be canceled over there. */
async function submit(rest: RestClient, notebook: NotebookRun, signal: AbortSignal): Promise<number> {
  if (signal.aborted) throw new SluiceError('CANCELED', 'The work was canceled.');
  const late = new AbortController();
  const cutLater = (): void => {
    setTimeout(() => late.abort(), CANCEL_MS).unref();
  };
  signal.addEventListener('abort', cutLater, { once: true });
  try {
    const { run_id } = await rest.call<{ run_id: number }>({
      method: 'POST',
      path: '/api/2.1/jobs/runs/submit',
      body: {
        run_name: notebook.runName,
        idempotency_token: notebook.idempotencyToken,
        tasks: [
          {
            task_key: 'clone',
            existing_cluster_id: notebook.clusterId,
            notebook_task: { notebook_path: notebook.notebookPath, base_parameters: notebook.parameters },
          },
        ],
      },
      signal: late.signal,
    });
    return run_id;
  } finally {
    signal.removeEventListener('abort', cutLater);
  }
}

/** The first line of the notebook's error, else the workspace's own words. */
async function errorOf(rest: RestClient, run: Run, signal: AbortSignal): Promise<string> {
  try {
    const output = await rest.call<{ error?: string; error_trace?: string }>({
      method: 'GET',
      path: '/api/2.1/jobs/runs/get-output',
      query: { run_id: run.tasks?.[0]?.run_id ?? run.run_id },
      signal,
    });
    if (output.error) return output.error.slice(0, 1000);
  } catch {
    // The state says something, too.
  }
  return run.state?.state_message || 'the workspace gives no reason.';
}
