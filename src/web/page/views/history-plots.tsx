import { formatBytes, formatDuration, formatTime } from '../../../base/format.ts';
import { BarPlot, type PlotBar } from '../parts/plots.tsx';
import { statusWord } from '../parts/status.tsx';
import { median } from '../plot.ts';
import { kindName } from '../text.ts';
import type { JobRecord } from '../types.ts';
import { durationOf } from './job-table.tsx';

/** How long the jobs of the list took and how much they moved, the oldest left. */
export function HistoryPlots({ jobs }: { jobs: readonly JobRecord[] }) {
  if (jobs.length < 2) return null;
  const ended = [...jobs].reverse();
  const durations = barsOf(ended, (job) => durationOf(job) ?? 0, formatDuration);
  const volumes = barsOf(ended, (job) => job.progress.counts.bytes ?? 0, formatBytes);
  return (
    <div class="plots">
      <BarPlot
        title="Duration"
        summary={summaryOf(durations, formatDuration)}
        bars={durations}
        format={formatDuration}
      />
      <BarPlot
        title="Volume"
        summary={summaryOf(volumes, formatBytes)}
        bars={volumes}
        format={formatBytes}
        base={2}
      />
    </div>
  );
}

function barsOf(
  jobs: readonly JobRecord[],
  value: (job: JobRecord) => number,
  format: (value: number) => string,
): PlotBar[] {
  return jobs.map((job) => ({
    key: job.id,
    value: value(job),
    status: job.status,
    title: `${format(value(job))} · ${statusWord(job.status)} · ${kindName(job.kind)} ${job.id} · ${formatTime(job.createdAt)}`,
  }));
}

function summaryOf(bars: readonly PlotBar[], format: (value: number) => string): string {
  const values = bars.map(({ value }) => value);
  return `${bars.length} ended jobs, median ${format(median(values) ?? 0)}, most ${format(Math.max(...values))}`;
}
