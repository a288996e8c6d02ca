import { SluiceError } from '../errors.ts';
import type { LeafColumn } from './leaf-column.ts';
import type { Column } from './schema.ts';

/** Puts one value of a column into its leaves, with levels as the Dremel paper and Parquet's format have them. */
type Shredder = (value: unknown, repetition: number, definition: number) => void;

export type LeafFactory = (
  column: Column & { kind: 'leaf' },
  path: string[],
  maxDefinition: number,
  maxRepetition: number,
) => LeafColumn;

/** Compiles a column: gives the function that takes its values. Leaves are made in the file's order. */
export function shredder(
  column: Column,
  newLeaf: LeafFactory,
  path: string[] = [column.name],
  definition = 0,
  repetition = 0,
): Shredder {
  const own = definition + (column.required ? 0 : 1);
  if (column.kind === 'leaf') {
    const leaf = newLeaf(column, path, own, repetition);
    return (value, rep, def) => {
      if (value !== null && value !== undefined) leaf.add(value, rep);
      else if (column.required && def === definition) throw nullIn(path);
      else leaf.addNull(rep, def);
    };
  }

  if (column.kind === 'struct') {
    const children = column.children.map((child) => ({
      name: child.name,
      put: shredder(child, newLeaf, [...path, child.name], own, repetition),
    }));
    return nullable(
      column.required,
      definition,
      path,
      (value, rep, def) => {
        for (const child of children) {
          child.put((value as Record<string, unknown>)[child.name], rep, def);
        }
      },
      (_, rep, def) => {
        for (const child of children) child.put(undefined, rep, def);
      },
    );
  }

  const max = repetition + 1;
  if (column.kind === 'list') {
    const leaves: LeafColumn[] = [];
    const put = shredder(
      column.element,
      (...args) => {
        const leaf = newLeaf(...args);
        leaves.push(leaf);
        return leaf;
      },
      [...path, 'list', 'element'],
      own + 1,
      max,
    );
    const floats = column.element.kind === 'leaf' && column.element.type === 'FLOAT' ? leaves[0]! : undefined;
    return nullable(
      column.required,
      definition,
      path,
      (value, rep, def) => {
        if (ArrayBuffer.isView(value) && floats) {
          const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
          if (bytes.length === 0) put(undefined, rep, def);
          else floats.addFloats(bytes, rep);
          return;
        }
        const items = value as readonly unknown[];
        if (items.length === 0) put(undefined, rep, def);
        for (let i = 0; i < items.length; i++) put(items[i], i === 0 ? rep : max, def + 1);
      },
      put,
    );
  }

  const putKey = shredder(
    { ...column.key, required: true },
    newLeaf,
    [...path, 'key_value', 'key'],
    own + 1,
    max,
  );
  const putValue = shredder(column.value, newLeaf, [...path, 'key_value', 'value'], own + 1, max);
  const putBoth: Shredder = (_, rep, def) => {
    putKey(undefined, rep, def);
    putValue(undefined, rep, def);
  };
  return nullable(
    column.required,
    definition,
    path,
    (value, rep, def) => {
      const entries =
        value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value as object);
      if (entries.length === 0) putBoth(undefined, rep, def);
      for (let i = 0; i < entries.length; i++) {
        putKey(entries[i]![0], i === 0 ? rep : max, def + 1);
        putValue(entries[i]![1], i === 0 ? rep : max, def + 1);
      }
    },
    putBoth,
  );
}

/**
 * A null where the column itself may be null, or where something above it is null or empty (its definition
 * level then lies below this column's own), is passed down; any other null is an error.
 */
function nullable(
  required: boolean,
  definition: number,
  path: readonly string[],
  put: Shredder,
  putNull: Shredder,
): Shredder {
  return (value, rep, def) => {
    if (value !== null && value !== undefined) put(value, rep, required ? def : def + 1);
    else if (required && def === definition) throw nullIn(path);
    else putNull(undefined, rep, def);
  };
}

function nullIn(path: readonly string[]): SluiceError {
  return new SluiceError('BAD_SPEC', `The Parquet column "${path.join('.')}" takes no null.`);
}
