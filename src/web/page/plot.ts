/** A value at the top of an axis, and its marks from 0 on. */
export interface Axis {
  top: number;
  marks: number[];
}

/** An axis whose marks are 1, 2 or 5 times a power of `base` (10 for counts and times, 2 for bytes). */
export function axisFor(highest: number, base: 2 | 10 = 10): Axis {
  if (!(highest > 0)) return { top: 1, marks: [0] };
  const step = base === 2 ? 2 ** Math.floor(Math.log2(highest / 2)) : decimalStep(highest);
  const marks: number[] = [];
  for (let i = 0; i * step <= highest * (1 + 1e-9); i++) marks.push(i * step);
  return { top: Math.max(highest, marks.at(-1)!), marks };
}

function decimalStep(highest: number): number {
  const power = 10 ** Math.floor(Math.log10(highest / 2));
  return [5, 2, 1].map((factor) => factor * power).find((step) => step * 2 <= highest) ?? power;
}

/** `64.0 MiB` → `64 MiB`, `1.50 GiB` → `1.5 GiB`: marks are round, and have little room. */
export function withoutZeros(text: string): string {
  return text.replace(/(\.\d*?)0+(?=\D)/, '$1').replace(/\.(?=\D)/, '');
}

/** The middle value; the mean of the two in the middle; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export interface Bar {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Bars side by side; what is above 0 is at least one unit high, so that it can be seen. */
export function layBars(
  values: readonly number[],
  top: number,
  size: { width: number; height: number; most?: number },
): Bar[] {
  const slot = Math.min(size.width / Math.max(1, values.length), size.most ?? 14);
  const width = Math.max(1, slot * 0.72);
  return values.map((value, i) => {
    const height = value > 0 ? Math.max(1, (value / top) * size.height) : 0;
    return { x: i * slot + (slot - width) / 2, y: size.height - height, width, height };
  });
}

/** The `d` of a line through values from left to right, from 0 to the highest. */
export function linePath(values: readonly number[], size: { width: number; height: number }): string {
  const top = Math.max(...values, 1e-9);
  const step = size.width / Math.max(1, values.length - 1);
  const round = (value: number): number => Math.round(value * 10) / 10;
  return values
    .map((value, i) => `${i === 0 ? 'M' : 'L'}${round(i * step)} ${round(size.height * (1 - value / top))}`)
    .join('');
}
