import type { App } from '../app.ts';
import { formatBytes, formatCount, formatDuration, printable } from '../base/format.ts';
import type { JobEvent } from '../jobs/engine.ts';
import { isFinal, type JobRecord, type Progress } from '../jobs/job.ts';
import { Pace } from '../jobs/pace.ts';
import { EXIT, exitCodeOf } from './errors.ts';
import type { Output } from './output.ts';
import { screen } from './screen.ts';

const LINE_MS = 100;
const LOG_MS = 10_000;
const JSON_MS = 1000;
const MOST_FAILURES_SHOWN = 10;

/**
 * Shows a job's progress until it ends. When the user wants to stop, the job is canceled, and its end, with its
 * report, is waited for.
 * @returns the job as it ended, or `interrupted` when the process that ran it died
 */
export async function followJob(
  app: App,
  id: string,
  output: Output,
  signal: AbortSignal,
): Promise<JobRecord> {
  const engine = await app.engine();
  const job = await engine.get(id);
  if (isFinal(job.status)) output.note(endedBefore(job));
  if (job.attempts > 1) output.note(`Going on with job ${id} where it was (attempt ${job.attempts}).`);
  if (job.interrupted) output.note(`Nobody works on job ${id} yet. Start a worker: sluice worker`);
  const view = new ProgressView(job, output);
  const cancel = (): void => {
    engine.cancel(id).catch((error) => app.log.debug({ error: String(error) }, 'the job ended by itself'));
  };
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const events = engine.events({ id });
  const ended = engine.wait(id);
  // Its error, if any, is that of the last await; events end with it.
  ended.catch(() => undefined);
  try {
    for await (const event of events) view.show(event);
    return await ended;
  } finally {
    signal.removeEventListener('abort', cancel);
    view.close();
  }
}

/** A job is not run again by its id: who meant a new run must not take the old one's success for it. */
function endedBefore({ id, status, completedAt }: JobRecord): string {
  const at = completedAt === undefined ? '' : ` at ${new Date(completedAt).toISOString()}`;
  const again = status === 'SUCCESS' ? '' : `, or go on with it: sluice jobs resume ${id}`;
  return `Job ${id} had ended${at} already: ${status}. Nothing was done now. For a new run give another --id${again}.`;
}

/** 0 done, 1 failed, 3 differences found, 130 when the user stopped it. */
export function exitCodeOfJob(job: JobRecord, signal: AbortSignal): number {
  if (job.status === 'SUCCESS') return EXIT.done;
  if (job.status === 'CANCELED' && signal.aborted) return EXIT.interrupted;
  if (job.status === 'FAILED' && job.error) return exitCodeOf(job.error.code);
  return EXIT.failed;
}

class ProgressView {
  readonly #output: Output;
  readonly #name: string;
  readonly #pace: Pace;
  #progress: Progress;
  #preparing: boolean;
  #shownAt = 0;
  #failuresShown = 0;

  constructor(job: JobRecord, output: Output) {
    this.#output = output;
    this.#name = `${job.kind} ${job.id}`;
    this.#progress = job.progress;
    this.#pace = new Pace(job.progress);
    this.#preparing = job.status === 'STARTED';
    if (output.progress === 'line') screen.update(this.#line());
    if (output.progress === 'log') screen.print(`${this.#name}: started`);
  }

  show(event: JobEvent): void {
    if (this.#output.progress === 'none') return;
    if (event.type === 'status') this.#preparing = event.status === 'STARTED';
    if (event.type === 'progress') {
      this.#progress = event.progress;
      this.#pace.add(event.at, event.progress);
    }
    if (this.#output.progress === 'json') {
      this.#showJson(event);
      return;
    }
    if (event.type === 'part' && event.status === 'FAILED') this.#showFailure(event);
    if (event.type === 'part') return;
    const every = this.#output.progress === 'line' ? LINE_MS : LOG_MS;
    if (event.at - this.#shownAt < every) return;
    this.#shownAt = event.at;
    if (this.#output.progress === 'line') screen.update(this.#line());
    else screen.print(this.#line());
  }

  #showJson(event: JobEvent): void {
    if (event.type === 'part' && event.status !== 'FAILED') return;
    if (event.type === 'progress') {
      if (event.at - this.#shownAt < JSON_MS) return;
      this.#shownAt = event.at;
    }
    const { type, ...rest } = event;
    process.stdout.write(`${JSON.stringify({ event: type, ...rest })}\n`);
  }

  #showFailure(event: JobEvent & { type: 'part' }): void {
    this.#failuresShown++;
    if (this.#failuresShown > MOST_FAILURES_SHOWN + 1) return;
    screen.print(
      this.#failuresShown > MOST_FAILURES_SHOWN
        ? 'Further failures are in the report.'
        : printable(`${event.label} failed: ${event.error?.message ?? ''} [${event.error?.code ?? ''}]`),
    );
  }

  #line(): string {
    const { counts, parts, planned } = this.#progress;
    const waiting = (parts.PENDING ?? 0) + (parts.TRANSFERRING ?? 0);
    const some = Object.keys(parts).length > 0;
    const more = planned ? '' : '+';
    const words: string[] = [];
    const done = counts.objects ?? 0;
    const plannedObjects = counts.plannedObjects ?? 0;
    if (some) {
      words.push(
        `${formatCount(done)}${plannedObjects ? ` of ${formatCount(plannedObjects)}${more}` : ''} objects`,
      );
    }
    if (counts.bytes || counts.plannedBytes) {
      const of = counts.plannedBytes ? ` of ${formatBytes(counts.plannedBytes)}${more}` : '';
      words.push(`${formatBytes(counts.bytes ?? 0)}${of}`);
    }
    const { bytesPerSecond, objectsPerSecond, timeLeft } = this.#pace;
    if (waiting > 0 && bytesPerSecond > 0) words.push(`${formatBytes(bytesPerSecond)}/s`);
    if (waiting > 0 && objectsPerSecond > 0) words.push(`${formatCount(objectsPerSecond)}/s`);
    const left = waiting > 0 ? timeLeft : undefined;
    if (left !== undefined) words.push(`${formatDuration(left)} left`);
    if (counts.skipped) words.push(`${formatCount(counts.skipped)} skipped`);
    if (counts.deleted) words.push(`${formatCount(counts.deleted)} deleted`);
    const failed = Math.max(counts.failed ?? 0, parts.FAILED ?? 0);
    if (failed) words.push(`${formatCount(failed)} failed`);
    const phase = this.#preparing
      ? 'preparing'
      : !planned && !some
        ? 'planning'
        : waiting > 0
          ? ''
          : planned
            ? 'finishing'
            : '';
    if (phase) words.push(phase);
    return `${this.#name}: ${words.join(' · ')}`;
  }

  close(): void {
    if (this.#output.progress === 'line') screen.update('');
  }
}
