/**
 * Statistics that a checkpoint holds as a struct only (`delta.checkpoint.writeStatsAsJson=false`), as the JSON that a
 * log holds. A bound that has no exact JSON form is left out: readers then skip fewer files, never a wrong one.
 */
export function statsJson(parsed: Record<string, unknown>): string {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed)) {
    const json = jsonValue(value);
    if (json !== undefined) result[name] = json;
  }
  return JSON.stringify(result);
}

function jsonValue(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return BigInt(Number(value)) === value ? Number(value) : undefined;
    case 'number':
      return Number.isFinite(value) ? value : undefined;
    case 'string':
    case 'boolean':
      return value;
    case 'object': {
      // Dates and timestamps come as Date: milliseconds, while the file may hold finer ones.
      if (value === null || value instanceof Date || ArrayBuffer.isView(value) || Array.isArray(value)) {
        return undefined;
      }
      const fields = Object.entries(value).flatMap(([name, field]) => {
        const json = jsonValue(field);
        return json === undefined ? [] : [[name, json] as const];
      });
      return Object.fromEntries(fields);
    }
    default:
      return undefined;
  }
}
