import { parse } from 'yaml';
import { type ErrorCode, isError, SluiceError } from '../base/errors.ts';
import { asFolder } from '../base/keys.ts';
import type { Lake } from './lake.ts';

/** What a `_lakefs_tables/<name>.yaml` says of a table. */
export interface Descriptor {
  name: string;
  type: 'delta' | 'hive';
  /** The catalog that the descriptor asks for. */
  catalog?: string;
  /** The table's folder in the repository, ending with '/'. */
  root: string;
  /** Of hive tables. */
  partitionColumns: string[];
  /** Of hive tables: as written, a Spark struct type. */
  schema?: unknown;
}

/** A descriptor, or why there is none. */
export interface FoundDescriptor {
  /** The file's name without `.yaml`. */
  id: string;
  descriptor?: Descriptor;
  problem?: { code: ErrorCode; message: string };
}

/**
 * The descriptors at a commit: those that are listed (with or without `.yaml`), or all of the folder but hidden files.
 * One that is missing or malformed is told as its problem; the others are not affected.
 */
export async function findDescriptors(
  lake: Lake,
  at: { repository: string; commit: string },
  folder: string,
  listed: readonly string[] | undefined,
): Promise<FoundDescriptor[]> {
  const prefix = asFolder(folder);
  const ids = listed ? [...new Set(listed.map(withoutSuffix))] : await idsIn(lake, at, prefix);
  const found: FoundDescriptor[] = [];
  for (const id of ids) found.push(await readDescriptor(lake, at, `${prefix}${id}.yaml`, id));
  const names = new Map<string, string>();
  for (const each of found) {
    if (!each.descriptor) continue;
    const other = names.get(each.descriptor.name);
    if (other !== undefined) {
      each.problem = {
        code: 'BAD_SPEC',
        message: `${prefix}${each.id}.yaml and ${prefix}${other}.yaml both describe a table "${each.descriptor.name}"; give one of them another name.`,
      };
      each.descriptor = undefined;
    } else names.set(each.descriptor.name, each.id);
  }
  return found;
}

const withoutSuffix = (name: string): string => name.replace(/\.ya?ml$/, '');

async function idsIn(
  lake: Lake,
  at: { repository: string; commit: string },
  prefix: string,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const page of lake.list(at.repository, at.commit, { prefix })) {
    for (const { path } of page) {
      const name = path.slice(prefix.length);
      if (name.endsWith('.yaml') && !name.startsWith('.') && !name.startsWith('_') && !name.includes('/')) {
        ids.push(withoutSuffix(name));
      }
    }
  }
  return ids;
}

async function readDescriptor(
  lake: Lake,
  at: { repository: string; commit: string },
  path: string,
  id: string,
): Promise<FoundDescriptor> {
  try {
    const text = (await lake.read(at.repository, at.commit, path)).toString('utf8');
    return { id, descriptor: parseDescriptor(text, path) };
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) {
      const message = `There is no table descriptor ${path} at commit ${at.commit.slice(0, 12)} of ${at.repository}.`;
      return { id, problem: { code: 'NOT_FOUND', message } };
    }
    if (isError(error, 'BAD_SPEC', 'UNSUPPORTED')) {
      return { id, problem: { code: error.code, message: error.message } };
    }
    throw error;
  }
}

/** @throws SluiceError BAD_SPEC, UNSUPPORTED, naming the file and what is wrong in it */
export function parseDescriptor(text: string, path: string): Descriptor {
  const bad = (why: string): SluiceError =>
    new SluiceError('BAD_SPEC', `${path} is no table descriptor: ${why}.`);
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw bad(`it is not YAML (${(error as Error).message.split('\n')[0]})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it holds no fields');
  const fields = value as Record<string, unknown>;
  const wanted = (field: string): string => {
    const found = fields[field];
    if (typeof found === 'string' && found !== '') return found;
    throw bad(`its "${field}" is ${found === undefined ? 'missing' : 'not a text'}`);
  };
  const name = wanted('name');
  // The name becomes a folder and, with its dashes changed, a table of the catalog.
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}_ -]*$/u.test(name)) {
    throw bad(`its name "${name}" has characters other than letters, digits, "_", "-" and spaces`);
  }
  const type = wanted('type');
  if (type !== 'delta' && type !== 'hive') {
    throw new SluiceError(
      'UNSUPPORTED',
      `${path} is of type "${type}"; those that can be exported are delta and hive.`,
    );
  }
  const root = asFolder(wanted('path').replace(/^\/+/, '').replace(/\/+$/, ''));
  if (root === '') throw bad('its path is the whole repository');
  const partitions = fields.partition_columns;
  if (
    partitions !== undefined &&
    !(Array.isArray(partitions) && partitions.every((each) => typeof each === 'string'))
  ) {
    throw bad('its "partition_columns" is not a list of names');
  }
  return {
    name,
    type,
    catalog: typeof fields.catalog === 'string' ? fields.catalog : undefined,
    root,
    partitionColumns: (partitions as string[] | undefined) ?? [],
    schema: fields.schema,
  };
}
