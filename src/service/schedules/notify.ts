import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRecord } from '../../jobs/job.ts';
import type { Log } from '../../jobs/kind.ts';
import type { NotifyTarget } from '../settings.ts';

export interface Notice {
  event: 'failure' | 'recovery';
  schedule: string;
  job: JobRecord;
}

const ATTEMPTS = 3;
const TIMEOUT_MS = 10_000;

/** Tells people of failures and recoveries, by webhook or in the form that Slack's incoming webhooks take. */
export class Notifier {
  readonly #targets: readonly NotifyTarget[];
  readonly #log: Log;

  constructor(targets: readonly NotifyTarget[], log: Log) {
    this.#targets = targets;
    this.#log = log;
  }

  async tell(notice: Notice, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#targets.map((target) => this.#send(target, notice, signal)));
  }

  async #send(target: NotifyTarget, notice: Notice, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify(target.type === 'slack' ? { text: textOf(notice) } : bodyOf(notice));
    for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt++) {
      const why = await post(target.url, body, signal);
      if (why === undefined) return;
      // The address holds a secret, as Slack's do.
      this.#log.warn(
        { schedule: notice.schedule, type: target.type, attempt },
        `A notification failed: ${why}.`,
      );
      await sleep(1000 * attempt, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function post(url: string, body: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `it was answered with ${response.status}`;
  } catch (error) {
    const { name, cause } = error as { name: string; cause?: { code?: string } };
    return cause?.code ?? name;
  }
}

function bodyOf({ event, schedule, job }: Notice): object {
  const { id, kind, status, error, startedAt, completedAt } = job;
  return {
    event,
    schedule,
    text: textOf({ event, schedule, job }),
    job: { id, kind, status, error, startedAt, completedAt },
  };
}

function textOf({ event, schedule, job }: Notice): string {
  return event === 'failure'
    ? `Sluice: "${schedule}" failed (job ${job.id}): ${job.error?.message ?? 'its report says why.'}`
    : `Sluice: "${schedule}" works again (job ${job.id}).`;
}
