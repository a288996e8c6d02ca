import { axisFor, layBars, linePath, withoutZeros } from '../plot.ts';

export interface PlotBar {
  key: string;
  value: number;
  /** Shown when pointed at. */
  title: string;
  status: string;
}

const WIDTH = 460;
const HEIGHT = 84;
const LEFT = 62;

/** Bars of the jobs of a list, the oldest left. */
export function BarPlot(props: {
  title: string;
  /** Says what the bars show, for those who do not see them. */
  summary: string;
  bars: readonly PlotBar[];
  format: (value: number) => string;
  base?: 2 | 10;
}) {
  const { title, summary, bars, format, base = 10 } = props;
  const axis = axisFor(Math.max(0, ...bars.map(({ value }) => value)), base);
  const marks = axis.marks.length > 4 ? axis.marks.filter((_, i) => i % 2 === 0) : axis.marks;
  const laid = layBars(
    bars.map(({ value }) => value),
    axis.top,
    { width: WIDTH - LEFT, height: HEIGHT },
  );
  const y = (value: number): number => 8 + HEIGHT * (1 - value / axis.top);
  return (
    <figure class="plot">
      <figcaption>
        <b>{title}</b> <span>{summary}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 14}`} role="img" aria-label={`${title}: ${summary}`}>
        {marks.map((mark) => (
          <g key={mark}>
            <line class="grid" x1={LEFT} x2={WIDTH} y1={y(mark)} y2={y(mark)} />
            <text x={LEFT - 6} y={y(mark) + 3.5} text-anchor="end">
              {withoutZeros(format(mark))}
            </text>
          </g>
        ))}
        {bars.map((bar, i) => (
          <g key={bar.key} class={`bar status-${bar.status.toLowerCase()}`}>
            <title>{bar.title}</title>
            <rect class="hit" x={LEFT + laid[i]!.x} y="8" width={laid[i]!.width} height={HEIGHT} />
            <rect
              x={LEFT + laid[i]!.x}
              y={8 + laid[i]!.y}
              width={laid[i]!.width}
              height={laid[i]!.height}
              rx="1"
            />
          </g>
        ))}
      </svg>
    </figure>
  );
}

/** A small line of how a rate went; the number stands beside it. */
export function Sparkline({ values }: { values: readonly number[] }) {
  if (values.length < 3) return <svg class="spark" viewBox="0 0 96 22" aria-hidden="true" />;
  const size = { width: 96, height: 20 };
  const line = linePath(values, size);
  return (
    <svg class="spark" viewBox="0 -1 96 22" preserveAspectRatio="none" aria-hidden="true">
      <path class="area" d={`${line}L96 20L0 20Z`} />
      <path class="line" d={line} />
    </svg>
  );
}
