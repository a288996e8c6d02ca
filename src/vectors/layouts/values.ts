import * as parquet from '../../base/parquet/schema.ts';
import { baseType, type PropertySchema } from '../schema.ts';

/** Turns a property's value into its column's; sets `inexact` when that loses something. */
export type ToColumn = (value: unknown, loss: Loss) => unknown;

export interface Loss {
  inexact: boolean;
}

/** The column of a property that is no reference, and the way of its values into it. */
export function typedColumn(
  name: string,
  property: PropertySchema,
): { column: parquet.Column; convert: ToColumn } {
  const { type, array } = baseType(property);
  if (!array) return scalarColumn(name, type, property);
  const element = scalarColumn('element', type, property);
  return {
    column: parquet.list(name, element.column),
    convert: (value, loss) => {
      if (Array.isArray(value)) return value.map((each) => element.convert(each, loss));
      loss.inexact = true;
      return null;
    },
  };
}

function scalarColumn(
  name: string,
  type: string,
  property: PropertySchema,
): { column: parquet.Column; convert: ToColumn } {
  switch (type) {
    case 'text':
    case 'uuid':
      return { column: parquet.string(name), convert: textOf };
    case 'int':
      return { column: parquet.int64(name), convert: intOf };
    case 'number':
      return { column: parquet.double(name), convert: numberOf };
    case 'boolean':
      return { column: parquet.boolean(name), convert: booleanOf };
    case 'date':
      return { column: parquet.timestampMicros(name), convert: microsOf };
    case 'blob':
      return { column: parquet.binary(name), convert: blobOf };
    case 'geoCoordinates':
      return structOf(name, [
        { name: 'latitude', column: parquet.float('latitude'), convert: numberOf },
        { name: 'longitude', column: parquet.float('longitude'), convert: numberOf },
      ]);
    case 'phoneNumber':
      return structOf(name, [
        { name: 'input', column: parquet.string('input'), convert: textOf },
        { name: 'defaultCountry', column: parquet.string('defaultCountry'), convert: textOf },
        { name: 'countryCode', column: parquet.int64('countryCode'), convert: intOf },
        { name: 'national', column: parquet.int64('national'), convert: intOf },
        {
          name: 'internationalFormatted',
          column: parquet.string('internationalFormatted'),
          convert: textOf,
        },
        { name: 'nationalFormatted', column: parquet.string('nationalFormatted'), convert: textOf },
        { name: 'valid', column: parquet.boolean('valid'), convert: booleanOf },
      ]);
    default: {
      const nested = property.nestedProperties ?? [];
      if (type === 'object' && nested.length > 0) {
        const fields = nested.map((each) => ({ name: each.name, ...typedColumn(each.name, each) }));
        return structOf(name, fields);
      }
      // A type of a later Weaviate: kept whole as JSON.
      return {
        column: parquet.json(name),
        convert: (value) => (isNull(value) ? null : JSON.stringify(value)),
      };
    }
  }
}

function structOf(
  name: string,
  fields: { name: string; column: parquet.Column; convert: ToColumn }[],
): { column: parquet.Column; convert: ToColumn } {
  const known = new Set(fields.map((field) => field.name));
  return {
    column: parquet.struct(
      name,
      fields.map((field) => field.column),
    ),
    convert: (value, loss) => {
      if (isNull(value)) return null;
      if (typeof value !== 'object' || Array.isArray(value)) {
        loss.inexact = true;
        return null;
      }
      const from = value as Record<string, unknown>;
      for (const key of Object.keys(from)) if (!known.has(key) && !isNull(from[key])) loss.inexact = true;
      const row: Record<string, unknown> = {};
      for (const field of fields) row[field.name] = field.convert(from[field.name], loss);
      return row;
    },
  };
}

const isNull = (value: unknown): value is null | undefined => value === null || value === undefined;

function textOf(value: unknown, loss: Loss): unknown {
  if (isNull(value) || typeof value === 'string') return value;
  loss.inexact = true;
  return null;
}

function intOf(value: unknown, loss: Loss): unknown {
  if (isNull(value) || Number.isSafeInteger(value)) return value;
  if (typeof value === 'bigint' && value === BigInt.asIntN(64, value)) return value;
  loss.inexact = true;
  return null;
}

function numberOf(value: unknown, loss: Loss): unknown {
  if (isNull(value) || typeof value === 'number') return value;
  loss.inexact = true;
  return null;
}

function booleanOf(value: unknown, loss: Loss): unknown {
  if (isNull(value) || typeof value === 'boolean') return value;
  loss.inexact = true;
  return null;
}

function blobOf(value: unknown, loss: Loss): unknown {
  if (isNull(value)) return null;
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  if (bytes === undefined || bytes.toString('base64') !== value) loss.inexact = true;
  return bytes ?? null;
}

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;

/** Microseconds since 1970, rounded down. */
function microsOf(value: unknown, loss: Loss): unknown {
  if (isNull(value)) return null;
  const match = typeof value === 'string' ? RFC3339.exec(value) : null;
  const seconds = match ? Date.parse(`${match[1]}${match[3]}`) / 1000 : Number.NaN;
  if (!match || Number.isNaN(seconds)) {
    loss.inexact = true;
    return null;
  }
  const fraction = match[2] ?? '';
  // `dateText` gives this very text back, or it is kept beside the column.
  if (match[3] !== 'Z' || fraction.length > 6 || match[2]?.endsWith('0')) loss.inexact = true;
  const micros = fraction.slice(0, 6).padEnd(6, '0');
  const exact = seconds * 1_000_000 + Number(micros);
  return Number.isSafeInteger(exact) ? exact : BigInt(seconds) * 1_000_000n + BigInt(micros);
}

/** Microseconds since 1970 as Weaviate shows a time in UTC: no zeros at the end of its fraction. */
export function dateText(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const whole = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19);
  const digits = String(fraction).padStart(6, '0').replace(/0+$/, '');
  return `${whole}${digits === '' ? '' : `.${digits}`}Z`;
}
