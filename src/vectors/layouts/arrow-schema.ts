import type { Column, Leaf } from '../../base/parquet/schema.ts';

/** What the rows of a file said about a vector column. */
export interface VectorShape {
  column: string;
  /** Floats a vector. */
  size: number | undefined;
  /** Every row had a vector, all of this size. */
  same: boolean;
}

/**
 * The value of the footer's key `ARROW:schema`: the columns as an Arrow schema message in base64, by which
 * Arrow readers take a list of floats as a fixed-size list where it is one.
 */
export async function arrowSchema(
  columns: readonly Column[],
  shapes: readonly VectorShape[],
): Promise<string> {
  const arrow = await import('apache-arrow');
  const fixed = new Map<string, number>();
  for (const { column, size, same } of shapes) if (same && size) fixed.set(column, size);

  const leafType = (leaf: Leaf) => {
    switch (leaf.logical) {
      case 'STRING':
      case 'JSON':
        return new arrow.Utf8();
      case 'DATE':
        return new arrow.DateDay();
      case 'TIMESTAMP_MILLIS':
        return new arrow.Timestamp(arrow.TimeUnit.MILLISECOND, 'UTC');
      case 'TIMESTAMP_MICROS':
        return new arrow.Timestamp(arrow.TimeUnit.MICROSECOND, 'UTC');
    }
    switch (leaf.type) {
      case 'BOOLEAN':
        return new arrow.Bool();
      case 'INT32':
        return new arrow.Int32();
      case 'INT64':
        return new arrow.Int64();
      case 'FLOAT':
        return new arrow.Float32();
      case 'DOUBLE':
        return new arrow.Float64();
      default:
        return new arrow.Binary();
    }
  };
  const field = (column: Column, name = column.name): InstanceType<typeof arrow.Field> => {
    const nullable = !column.required;
    switch (column.kind) {
      case 'leaf':
        return new arrow.Field(name, leafType(column), nullable);
      case 'struct':
        return new arrow.Field(
          name,
          new arrow.Struct(column.children.map((child) => field(child))),
          nullable,
        );
      case 'list': {
        const element = field(column.element, 'element');
        const size = fixed.get(column.name);
        const type = size === undefined ? new arrow.List(element) : new arrow.FixedSizeList(size, element);
        return new arrow.Field(name, type, nullable);
      }
      case 'map': {
        const entries = new arrow.Struct([field(column.key, 'key'), field(column.value, 'value')]);
        return new arrow.Field(name, new arrow.Map_(new arrow.Field('key_value', entries, false)), nullable);
      }
    }
  };
  const schema = new arrow.Schema(columns.map((column) => field(column)));
  const stream = Buffer.from(arrow.tableToIPC(new arrow.Table(schema), 'stream'));
  // The first message of the stream is the schema: a marker, the length of its metadata, the metadata.
  return stream.subarray(0, 8 + stream.readInt32LE(4)).toString('base64');
}
