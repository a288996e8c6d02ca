import { formatBytes, formatCount, formatDuration } from '../../../base/format.ts';
import type { LiveJob } from '../live.ts';
import { shareOf } from '../text.ts';
import type { JobRecord } from '../types.ts';
import { Sparkline } from './plots.tsx';

/** How far a job is: a bar, counts, rate and time left. */
export function JobProgress({ entry }: { entry: LiveJob }) {
  const { job, pace, rates } = entry;
  const { counts, planned } = job.progress;
  const share = shareOf(counts, planned);
  const { bytesPerSecond, objectsPerSecond, timeLeft } = pace;
  const rate = [
    bytesPerSecond > 0 ? `${formatBytes(bytesPerSecond)}/s` : '',
    objectsPerSecond > 0 ? `${formatCount(objectsPerSecond)} objects/s` : '',
  ].filter(Boolean);
  return (
    <div class="progress">
      <ProgressBar share={share} label={`Progress of ${job.id}`} />
      <dl class="figures">
        <div class="share">
          <dt>Done</dt>
          <dd>{share === undefined ? phaseOf(job) : `${Math.floor(share * 100)} %`}</dd>
        </div>
        <div>
          <dt>Objects</dt>
          <dd>{ofPlanned(counts.objects, counts.plannedObjects, planned, formatCount)}</dd>
        </div>
        <div>
          <dt>Volume</dt>
          <dd>{ofPlanned(counts.bytes, counts.plannedBytes, planned, formatBytes)}</dd>
        </div>
        <div class="rate">
          <dt>Rate</dt>
          <dd>
            <span>{rate.join(' · ') || '–'}</span>
            <Sparkline values={rates} />
          </dd>
        </div>
        <div>
          <dt>Time left</dt>
          <dd>{timeLeft === undefined ? '–' : formatDuration(timeLeft)}</dd>
        </div>
        {counts.failed ? (
          <div class="bad">
            <dt>Failed</dt>
            <dd>{formatCount(counts.failed)}</dd>
          </div>
        ) : null}
      </dl>
    </div>
  );
}

function ProgressBar({ share, label }: { share: number | undefined; label: string }) {
  const value = share === undefined ? {} : { 'aria-valuenow': Math.floor(share * 100) };
  return (
    <div
      class={share === undefined ? 'track unknown' : 'track'}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...value}
    >
      <div class="fill" style={share === undefined ? {} : { width: `${share * 100}%` }} />
    </div>
  );
}

function phaseOf({ status, progress }: JobRecord): string {
  if (status === 'STARTED') return 'Preparing';
  return progress.planned ? 'Running' : 'Planning';
}

function ofPlanned(
  done: number | undefined,
  planned: number | undefined,
  complete: boolean,
  format: (value: number) => string,
): string {
  if (!planned) return done === undefined ? '–' : format(done);
  return `${format(done ?? 0)} of ${format(planned)}${complete ? '' : '+'}`;
}
