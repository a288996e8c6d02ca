import { Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node } from 'yaml';
import type { Json } from '../base/json.ts';
import { parseSize } from '../base/throttle.ts';
import { expand } from './expand.ts';
import { nearest, type Shape } from './shape.ts';

/** A mistake in a configuration file, for people. Lines and columns count from 1. */
export interface Problem {
  file: string;
  line: number;
  column: number;
  message: string;
}

/** Where a value of the file stands, and the variables and files it was made of. */
export interface Place {
  line: number;
  column: number;
  from: string[];
}

export interface Checked {
  value: unknown;
  problems: Problem[];
  /** Where each value of the file stands, by its path such as `connections.lake.endpoint`. */
  places: Map<string, Place>;
}

/** What references such as `${NAME}` are resolved by; without it texts stay as they are. */
interface References {
  folder: string;
  env: NodeJS.ProcessEnv;
}

interface Context {
  file: string;
  lines: LineCounter;
  references?: References;
}

/**
 * Checks a value that did not come from a file against a shape, with the sentences that a file's mistakes get.
 * Nothing in it is resolved: who sends a value may not read the variables and files of this machine.
 * @param name what the sentences call it
 */
export function checkValue(value: Json, shape: Shape, name: string): { value: unknown; problems: string[] } {
  const document = new Document(value);
  const checker = new Checker(document, { file: '', lines: new LineCounter() });
  const checked = checker.value(document.contents as Node | null, shape, name);
  return { value: checked, problems: checker.problems.map(({ message }) => message) };
}

/** Checks a YAML document against a shape, resolving what its values refer to. */
export function check(
  document: Document,
  shape: Shape,
  context: { file: string; folder: string; lines: LineCounter; env: NodeJS.ProcessEnv },
): Checked {
  const { file, lines, folder, env } = context;
  const checker = new Checker(document, { file, lines, references: { folder, env } });
  const value = checker.value(document.contents as Node | null, shape, '');
  return { value, problems: checker.problems, places: checker.places };
}

class Checker {
  readonly problems: Problem[] = [];
  readonly places: Checked['places'] = new Map();
  readonly #document: Document;
  readonly #context: Context;

  constructor(document: Document, context: Context) {
    this.#document = document;
    this.#context = context;
  }

  value(node: Node | null, shape: Shape, path: string): unknown {
    const found = isAlias(node) ? node.resolve(this.#document) : node;
    if (!found || (isScalar(found) && found.value === null)) return undefined;
    switch (shape.type) {
      case 'list':
        if (!isSeq(found)) return this.#problem(found, `${named(path)} must be a list.`);
        return found.items.map((item, i) => this.value(item as Node, shape.of, `${path}[${i}]`));
      case 'map':
        return this.#fields(found, path, () => shape.of);
      case 'object':
        return this.#object(found, shape, path);
      case 'any':
        return this.#any(found, path);
      default:
        return this.#scalar(found, shape, path);
    }
  }

  #object(node: Node, shape: Shape & { type: 'object' }, path: string): unknown {
    const known = Object.keys(shape.fields);
    const value = this.#fields(node, path, (name, key) => {
      const field = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
      if (field) return field;
      const near = nearest(name, known);
      // An open object takes other names, but one that differs from a known name by a slip is a slip.
      if (shape.open && (near === undefined || Math.abs(near.length - name.length) > 1 || name.length < 5)) {
        return { type: 'any' };
      }
      const hint = near ? `; did you mean "${near}"?` : ` (there are: ${known.join(', ')}).`;
      this.#problem(key, `There is no setting "${name}"${path ? ` in ${path}` : ''}${hint}`);
      return undefined;
    });
    if (value === undefined) return undefined;
    for (const name of shape.required ?? []) {
      if (value[name] === undefined && !this.places.has(join(path, name))) {
        this.#problem(node, `${named(path)} lacks "${name}".`);
      }
    }
    return value;
  }

  #fields(
    node: Node,
    path: string,
    shapeOf: (name: string, key: Node) => Shape | undefined,
  ): Record<string, unknown> | undefined {
    if (!isMap(node)) {
      this.#problem(node, `${named(path)} must be a map of names and values.`);
      return undefined;
    }
    const value: Record<string, unknown> = {};
    for (const { key, value: item } of node.items) {
      const name = String(isScalar(key) ? key.value : key);
      const field = shapeOf(name, key as Node);
      if (!field) continue;
      const inner = this.value(item as Node | null, field, join(path, name));
      if (inner !== undefined) value[name] = inner;
    }
    return value;
  }

  #any(node: Node, path: string): unknown {
    if (isMap(node)) return this.#fields(node, path, () => ({ type: 'any' }));
    if (isSeq(node))
      return node.items.map((item, i) => this.value(item as Node, { type: 'any' }, `${path}[${i}]`));
    if (!isScalar(node)) return undefined;
    return typeof node.value === 'string'
      ? this.#text(node, node.value, path)
      : this.#place(node, path, node.value);
  }

  #scalar(node: Node, shape: Shape, path: string): unknown {
    if (!isScalar(node)) return this.#problem(node, `${named(path)} must be a single value.`);
    const raw = node.value;
    const text = this.#text(node, typeof raw === 'string' ? raw : (node.source ?? String(raw)), path);
    if (text === undefined) return undefined;
    const read = readScalar(shape, text);
    return 'problem' in read ? this.#problem(node, `${named(path)} ${read.problem}.`) : read.value;
  }

  #text(node: Node, raw: string, path: string): string | undefined {
    const { references } = this.#context;
    if (!references) return this.#place(node, path, raw);
    const { text, problem, from } = expand(raw, references.folder, references.env);
    this.#place(node, path, undefined, from);
    if (problem !== undefined) {
      this.#problem(node, problem);
      return undefined;
    }
    return text;
  }

  #place<T>(node: Node, path: string, value: T, from: string[] = []): T {
    this.places.set(path, { ...this.#position(node), from });
    return value;
  }

  #position(node: Node): { line: number; column: number } {
    const { line, col } = this.#context.lines.linePos(node.range?.[0] ?? 0);
    return { line, column: col };
  }

  #problem(node: Node, message: string): undefined {
    this.problems.push({ file: this.#context.file, ...this.#position(node), message });
    return undefined;
  }
}

/** Reads one value of a text, from a file, the environment or a flag. The problem goes on after the setting's name. */
export function readScalar(shape: Shape, text: string): { value: unknown } | { problem: string } {
  switch (shape.type) {
    case 'text': {
      if (shape.oneOf && !shape.oneOf.includes(text)) {
        const near = nearest(text, shape.oneOf);
        const hint = near ? `; did you mean "${near}"?` : '';
        return { problem: `must be one of ${shape.oneOf.join(', ')}${hint}`.replace(/\?$/, '?') };
      }
      const problem = shape.check?.(text);
      return problem === undefined ? { value: text } : { problem };
    }
    case 'count': {
      const least = shape.least ?? 0;
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && Number.isSafeInteger(value)
        ? { value }
        : { problem: `must be a whole number of at least ${least}` };
    }
    case 'flag':
      if (text === 'true' || text === 'false') return { value: text === 'true' };
      return { problem: 'must be true or false' };
    case 'size': {
      const value = parseSize(text);
      return value !== undefined && value > 0
        ? { value }
        : { problem: 'must be a size such as 800k, 10M or 1.5G' };
    }
    default:
      return { problem: 'can only be set in a file' };
  }
}

function join(path: string, name: string): string {
  const part = /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
  return path === '' ? part : `${path}.${part}`;
}

function named(path: string): string {
  return path === '' ? 'The file' : path;
}
