import type { JobRecord } from '../types.ts';

const WORDS: Record<string, string> = {
  STARTED: 'Starting',
  TRANSFERRING: 'Running',
  SUCCESS: 'Success',
  FAILED: 'Failed',
  CANCELED: 'Canceled',
  INTERRUPTED: 'Interrupted',
  PENDING: 'Waiting',
  SKIPPED: 'Skipped',
  DROPPED: 'Dropped',
};
const SIGNS: Record<string, string> = {
  SUCCESS: 'M3.5 8.5l3 3 6-7',
  FAILED: 'M4 4l8 8M12 4l-8 8',
  CANCELED: 'M4 8h8',
  SKIPPED: 'M4 8h8',
  DROPPED: 'M4 8h8',
  INTERRUPTED: 'M8 3.5v5.5M8 12v.6',
};

export function statusWord(status: string): string {
  return WORDS[status] ?? status;
}

export function jobStatus(job: JobRecord): string {
  return job.interrupted ? 'INTERRUPTED' : job.status;
}

/** A status in a word, a color and a sign. */
export function Status({ status }: { status: string }) {
  return (
    <span class={`status status-${status.toLowerCase()}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {SIGNS[status] ? <path d={SIGNS[status]} /> : <circle cx="8" cy="8" r="4" />}
      </svg>
      {statusWord(status)}
    </span>
  );
}
