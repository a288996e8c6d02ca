import type { Json } from '../../base/json.ts';

type Fields = { [key: string]: Json | undefined };

/** A report, sorted for the eye: plain values, groups of them, and lists. */
export interface ReportShape {
  facts: [name: string, value: Json][];
  groups: [name: string, facts: [name: string, value: Json][]][];
  lists: [name: string, items: Json[]][];
}

/** What the job itself says already. */
const SHOWN_ABOVE = new Set(['job', 'status', 'error']);

/** Takes apart the report of any kind of job; what is empty is left out. */
export function shapeOf(report: Json): ReportShape {
  const shape: ReportShape = { facts: [], groups: [], lists: [] };
  if (!isFields(report)) return { ...shape, facts: [['report', report]] };
  for (const [name, value] of Object.entries(report)) {
    if (value === undefined || value === null || value === '' || SHOWN_ABOVE.has(name)) continue;
    if (Array.isArray(value)) {
      if (value.length > 0) shape.lists.push([name, value]);
    } else if (isFields(value)) {
      const facts = Object.entries(value).filter((entry): entry is [string, Json] => entry[1] !== undefined);
      if (facts.length > 0) shape.groups.push([name, facts]);
    } else shape.facts.push([name, value]);
  }
  return shape;
}

/** The columns of a list of objects; none for a list of plain values. */
export function columnsOf(items: readonly Json[]): string[] {
  const names = new Set<string>();
  for (const item of items.slice(0, 100))
    if (isFields(item)) for (const name of Object.keys(item)) names.add(name);
  return [...names];
}

export function cellOf(item: Json, column: string): Json | undefined {
  return isFields(item) ? item[column] : undefined;
}

/** Those with the text in any of their values, whatever its case. */
export function searchItems(items: readonly Json[], text: string): Json[] {
  const wanted = text.toLowerCase();
  return wanted === ''
    ? [...items]
    : items.filter((item) => JSON.stringify(item).toLowerCase().includes(wanted));
}

function isFields(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
