import * as parquet from '../../base/parquet/schema.ts';
import type { VectorObject } from '../object.ts';
import { hasOwnVector, isMultiVector, isReference, vectorNames } from '../schema.ts';
import { arrowSchema, type VectorShape } from './arrow-schema.ts';
import type { Layout, LayoutOptions } from './layout.ts';
import { type Loss, type ToColumn, typedColumn } from './values.ts';

/** The footer's key under which Sluice keeps what the columns mean. */
export const SLUICE_KEY = 'sluice';

/** Which column holds what; so that property names that would clash can be written under another. */
export interface ColumnMap {
  layout: 'typed';
  exportId: string;
  /** Property → column. */
  properties: Record<string, string>;
  /** Reference property with several target classes → column of the classes. */
  referenceClasses: Record<string, string>;
  /** Name ('' = the class's own) → column. */
  vectors: Record<string, string>;
}

const OTHER = 'other_properties';

/**
 * One column a property with the nearest Parquet type, vectors as lists of floats, references as lists of
 * UUIDs. What a column's type cannot hold exactly (a date with nanoseconds or its own time zone, a property
 * that was added meanwhile) is also in `other_properties`, a JSON object of whole values by property.
 */
export function typedLayout({ schema, properties, vectors, tenants }: LayoutOptions): Layout {
  const taken = new Set<string>();
  /** Column names must differ in more than case: DuckDB and Spark do not tell it. */
  const unique = (name: string): string => {
    let free = name;
    for (let i = 2; taken.has(free.toLowerCase()); i++) free = `${name}_${i}`;
    taken.add(free.toLowerCase());
    return free;
  };
  const map: Omit<ColumnMap, 'exportId'> = {
    layout: 'typed',
    properties: {},
    referenceClasses: {},
    vectors: {},
  };
  const columns: parquet.Column[] = [
    parquet.string(unique('id'), { required: true }),
    parquet.string(unique('class_name'), { required: true }),
    ...(tenants ? [parquet.string(unique('tenant'), { required: true })] : []),
    parquet.timestampMillis(unique('creation_time'), { required: true }),
    parquet.timestampMillis(unique('update_time'), { required: true }),
  ];

  const multi = new Map<string, boolean>();
  const shapes: VectorShape[] = [];
  if (vectors) {
    if (hasOwnVector(schema)) multi.set('', false);
    for (const name of vectorNames(schema)) multi.set(name, isMultiVector(schema, name));
  }
  for (const [name, isMulti] of multi) {
    const column = unique(name === '' ? 'vector' : `vector_${name}`);
    map.vectors[name] = column;
    const vector = (own: string) => parquet.list(own, parquet.float('element', { required: true }));
    columns.push(isMulti ? parquet.list(column, { ...vector('element'), required: true }) : vector(column));
    shapes.push({ column, size: undefined, same: !isMulti });
  }
  const shapeOf = new Map(shapes.map((shape) => [shape.column, shape]));

  const other = unique(OTHER);
  const converters: { property: string; column: string; convert: ToColumn }[] = [];
  const references: { property: string; ids: string; classes: string | undefined }[] = [];
  for (const property of schema.properties ?? []) {
    if (!properties.has(property.name)) continue;
    const name = unique(property.name);
    map.properties[property.name] = name;
    if (isReference(property)) {
      columns.push(parquet.list(name, parquet.string('element', { required: true })));
      const classes = property.dataType.length > 1 ? unique(`${name}_class`) : undefined;
      if (classes !== undefined) {
        columns.push(parquet.list(classes, parquet.string('element')));
        map.referenceClasses[property.name] = classes;
      }
      references.push({ property: property.name, ids: name, classes });
    } else {
      const { column, convert } = typedColumn(name, property);
      columns.push(column);
      converters.push({ property: property.name, column: name, convert });
    }
  }
  columns.push(parquet.json(other));
  const known = new Set(schema.properties?.map((property) => property.name));

  const noteVector = (column: string, bytes: Uint8Array | undefined): void => {
    const shape = shapeOf.get(column)!;
    if (bytes === undefined) shape.same = false;
    else if (shape.size === undefined) shape.size = bytes.length / 4;
    else if (shape.size !== bytes.length / 4) shape.same = false;
  };

  return {
    name: 'typed',
    columns,
    row(object: VectorObject, tenant: string | undefined): Record<string, unknown> {
      const row: Record<string, unknown> = {
        id: object.id,
        class_name: schema.class,
        creation_time: object.created,
        update_time: object.updated,
      };
      if (tenants) row.tenant = tenant;
      for (const [name, isMulti] of multi) {
        const column = map.vectors[name]!;
        const vector = name === '' ? object.vector : object.vectors?.[name];
        if (isMulti) row[column] = object.multiVectors?.[name];
        else {
          row[column] = vector;
          noteVector(column, vector);
        }
      }
      let exact: Record<string, unknown> | undefined;
      for (const { property, column, convert } of converters) {
        const value = object.properties[property];
        if (value === undefined) continue;
        const loss: Loss = { inexact: false };
        row[column] = convert(value, loss);
        if (loss.inexact) exact = { ...exact, [property]: value };
      }
      for (const name of Object.keys(object.properties)) {
        if (!known.has(name)) exact = { ...exact, [name]: object.properties[name] };
      }
      for (const { property, ids, classes } of references) {
        const list = object.references?.[property];
        row[ids] = list?.map((each) => each.id);
        if (classes !== undefined) row[classes] = list?.map((each) => each.className ?? null);
      }
      if (exact) row[other] = jsonText(exact);
      return row;
    },
    async metadata({ tenant, exportId }): Promise<Record<string, string>> {
      const columnMap: ColumnMap = { ...map, exportId };
      return {
        collection: schema.class,
        class_name: schema.class,
        ...(tenant === undefined ? {} : { tenant }),
        schema: JSON.stringify(schema),
        [SLUICE_KEY]: JSON.stringify(columnMap),
        'ARROW:schema': await arrowSchema(columns, shapes),
      };
    },
  };
}

/** JSON in which integers beyond 2^53 keep their digits. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, each) =>
    typeof each === 'bigint'
      ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(each))
      : each,
  );
}
