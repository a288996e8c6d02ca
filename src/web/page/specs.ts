import type { Json } from '../../base/json.ts';
import type { Field } from './forms.ts';

/** What is in a form, by name of its field. */
export type Values = Record<string, string | boolean>;
type Spec = { [key: string]: Json | undefined };

/** A spec of what differs from the defaults. */
export function specOf(fields: readonly Field[], values: Values): Spec {
  const spec: Spec = {};
  for (const field of fields) {
    const value = jsonOf(field, values[field.name]);
    if (value === undefined) continue;
    const path = field.name.split('.');
    const last = path.pop()!;
    let inner = spec;
    for (const name of path) {
      inner[name] ??= {};
      inner = inner[name] as Spec;
    }
    inner[last] = value;
  }
  return spec;
}

/** The form of a spec; undefined when it has settings that the form does not. */
export function valuesOf(fields: readonly Field[], spec: Json): Values | undefined {
  if (spec === null || typeof spec !== 'object' || Array.isArray(spec)) return undefined;
  const values = valuesIn(fields, spec);
  return JSON.stringify(sorted(specOf(fields, values))) ===
    JSON.stringify(sorted(withoutDefaults(fields, spec)))
    ? values
    : undefined;
}

/** What a form shows of a spec, which may have more. */
export function valuesIn(fields: readonly Field[], spec: Json): Values {
  const values: Values = {};
  for (const field of fields) {
    const value = field.name
      .split('.')
      .reduce<Json | undefined>(
        (inner, name) =>
          inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? inner[name] : undefined,
        spec,
      );
    if (value === undefined || value === null) continue;
    if (field.type === 'list') {
      if (Array.isArray(value)) values[field.name] = value.join('\n');
    } else values[field.name] = typeof value === 'boolean' ? value : String(value);
  }
  return values;
}

/** What must be there and is not, by label. */
export function missingIn(fields: readonly Field[], values: Values): string[] {
  return fields
    .filter(({ needed, name }) => needed && !String(values[name] ?? '').trim())
    .map(({ label }) => label);
}

function jsonOf({ type, choices, on = false }: Field, value: string | boolean | undefined): Json | undefined {
  if (typeof value === 'boolean') return value === on ? undefined : value;
  const text = value?.trim() ?? '';
  if (text === '' || type === 'flag' || (type === 'choice' && text === choices?.[0])) return undefined;
  if (type === 'number') return Number.isNaN(Number(text)) ? text : Number(text);
  if (type !== 'list') return text;
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** A stored spec has every default in it; a form leaves them out. */
function withoutDefaults(fields: readonly Field[], spec: Spec): Spec {
  const result: Spec = {};
  for (const [name, value] of Object.entries(spec)) {
    const field = fields.find((each) => each.name === name);
    const empty = value === '' || (value instanceof Object && Object.keys(value).length === 0);
    const isDefault =
      value === undefined ||
      empty ||
      value === (field?.on ?? (field?.type === 'flag' ? false : field?.choices?.[0]));
    if (!isDefault) result[name] = value;
  }
  return result;
}

function sorted(value: Spec): Spec {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
