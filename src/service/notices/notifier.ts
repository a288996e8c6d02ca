import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRecord } from '../../jobs/job.ts';
import type { Log } from '../../jobs/kind.ts';
import type { NotifyTarget } from '../settings.ts';

export interface Notice {
  event: 'failure' | 'recovery';
  /** What failed or works again, for people: a schedule's name, or what a job does. */
  about: string;
  /** The schedule that started the job. */
  schedule?: string;
  job: JobRecord;
}

const ATTEMPTS = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
const TIMEOUT_MS = 10_000;

/** Tells people of failures and recoveries, by webhook or in the form that Slack's incoming webhooks take. */
export class Notifier {
  readonly #targets: readonly NotifyTarget[];
  readonly #log: Log;

  constructor(targets: readonly NotifyTarget[], log: Log) {
    this.#targets = targets;
    this.#log = log;
  }

  /** Resolves when everyone was told, or could not be told in several tries. */
  async tell(notice: Notice, signal: AbortSignal): Promise<void> {
    const meant = this.#targets.filter(
      ({ kinds, events }) =>
        (kinds?.includes(notice.job.kind) ?? true) && (events?.includes(notice.event) ?? true),
    );
    await Promise.all(meant.map((target) => this.#send(target, notice, signal)));
  }

  async #send(target: NotifyTarget, notice: Notice, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify(target.type === 'slack' ? { text: slackText(notice) } : bodyOf(notice));
    for (let attempt = 1; !signal.aborted; attempt++) {
      const failed = await post(target.url, body, signal);
      if (failed === undefined || signal.aborted) return;
      const last = attempt === ATTEMPTS || !failed.again;
      // The address holds a secret, as Slack's do.
      const fields = { job: notice.job.id, type: target.type, attempt };
      if (last) {
        this.#log.error(fields, `A notification was given up: ${failed.why}.`);
        return;
      }
      this.#log.warn(fields, `A notification failed and is sent again: ${failed.why}.`);
      const wait = failed.after ?? FIRST_WAIT_MS * 4 ** (attempt - 1);
      await sleep(Math.min(wait, LONGEST_WAIT_MS), undefined, { signal }).catch(() => undefined);
    }
  }
}

interface Failed {
  why: string;
  /** Whether another try makes sense, and after how many milliseconds at least. */
  again: boolean;
  after?: number;
}

async function post(url: string, body: string, signal: AbortSignal): Promise<Failed | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    if (response.ok) return undefined;
    const { status } = response;
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      why: `it was answered with ${status}`,
      again: status >= 500 || status === 408 || status === 429,
      ...(Number.isFinite(seconds) ? { after: seconds * 1000 } : {}),
    };
  } catch (error) {
    const { name, cause } = error as { name: string; cause?: { code?: string } };
    return { why: cause?.code ?? name, again: true };
  }
}

function bodyOf(notice: Notice): object {
  const { event, about, schedule } = notice;
  const { id, kind, status, error, startedAt, completedAt } = notice.job;
  return {
    ...{ event, about, schedule, text: textOf(notice) },
    job: { id, kind, status, error, startedAt, completedAt },
  };
}

function textOf({ event, about, job }: Notice): string {
  return event === 'failure'
    ? `Sluice: "${about}" failed (job ${job.id}): ${job.error?.message ?? 'its report says why.'}`
    : `Sluice: "${about}" works again (job ${job.id}).`;
}

/** Three characters mean something in Slack's texts: https://docs.slack.dev/messaging/formatting-message-text */
function slackText(notice: Notice): string {
  return textOf(notice).replace(/[&<>]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[char]!);
}
