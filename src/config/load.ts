import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import type { Connection } from '../base/connections.ts';
import { SluiceError } from '../base/errors.ts';
import { homeFolder } from '../base/user.ts';
import { isPostgres } from '../jobs/state/open.ts';
import { check, type Place, type Problem, readScalar } from './check.ts';
import { defaults, type Settings, settingsShape } from './settings.ts';
import type { Shape } from './shape.ts';

/** Settings that flags give, by their path such as `log_level`. Undefined: the flag was not given. */
export type Flags = Readonly<Record<string, { value: string | undefined; flag: string }>>;

export interface Loaded {
  settings: Settings;
  /** Where each value that is not a default came from, by its path, for people. */
  origins: Map<string, string>;
  /** Where the values of the file stand, by their path. */
  places: ReadonlyMap<string, Place>;
  /** The file that was read. */
  file: string | undefined;
  problems: Problem[];
}

export interface LoadOptions {
  /** --config */
  config?: string;
  flags?: Flags;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/**
 * Finds the configuration: --config, $SLUICE_CONFIG, ./sluice.yaml, ~/.config/sluice/sluice.yaml
 * ($XDG_CONFIG_HOME), the first that is there.
 * @throws SluiceError NOT_FOUND for a file that was named and is not there
 */
export function findConfig({
  config,
  env = process.env,
  cwd = process.cwd(),
}: LoadOptions): string | undefined {
  const named = config ?? (env.SLUICE_CONFIG || undefined);
  if (named !== undefined) {
    const path = resolve(cwd, named);
    if (existsSync(path)) return path;
    const by = config === undefined ? '$SLUICE_CONFIG' : '--config';
    throw new SluiceError('NOT_FOUND', `The configuration ${path} that ${by} names does not exist.`);
  }
  const home = env.XDG_CONFIG_HOME || join(homeFolder(env), '.config');
  return [join(cwd, 'sluice.yaml'), join(home, 'sluice', 'sluice.yaml')].find((path) => existsSync(path));
}

/**
 * Brings together flags, the environment (SLUICE_*), the file and defaults, in this order of precedence, with
 * every mistake listed rather than thrown.
 * @throws SluiceError NOT_FOUND, ACCESS_DENIED (the file can't be read)
 */
export function loadSettings(options: LoadOptions = {}): Loaded {
  const { env = process.env, flags = {} } = options;
  const file = findConfig(options);
  const origins = new Map<string, string>();
  const problems: Problem[] = [];
  const { value: found, places } =
    file === undefined ? { value: {}, places: new Map<string, Place>() } : readConfig(file, env, problems);
  for (const [path, { line, from }] of places) {
    const through = from.length > 0 ? ` (${from.join(', ')})` : '';
    origins.set(path, `${file}:${line}${through}`);
  }

  for (const { path, shape } of scalars(settingsShape)) {
    const variable = `SLUICE_${path.join('_').toUpperCase()}`;
    const fromFlag = flags[path.join('.')];
    const [text, origin] =
      fromFlag?.value !== undefined
        ? [fromFlag.value, fromFlag.flag]
        : [env[variable] || undefined, `$${variable}`];
    if (text === undefined) continue;
    const read = readScalar(shape, text);
    if ('problem' in read) {
      problems.push({ file: origin, line: 0, column: 0, message: `${origin} ${read.problem}.` });
    } else {
      setAt(found, path, read.value);
      origins.set(path.join('.'), origin);
    }
  }
  return { settings: withDefaults(found, env, options.cwd), origins, places, file, problems };
}

/** @throws SluiceError BAD_CONFIG with all mistakes */
export function requireValid({ problems }: Loaded): void {
  if (problems.length === 0) return;
  throw new SluiceError('BAD_CONFIG', problems.map(problemText).join('\n'));
}

export function problemText({ file, line, column, message }: Problem): string {
  return line > 0 ? `${file}:${line}:${column}: ${message}` : message;
}

function readConfig(
  file: string,
  env: NodeJS.ProcessEnv,
  problems: Problem[],
): { value: Record<string, unknown>; places: ReadonlyMap<string, Place> } {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SluiceError('ACCESS_DENIED', `The configuration ${file} can't be read.`, { cause: error });
  }
  const lines = new LineCounter();
  // YAML's own messages quote the line, and with it a secret that may stand there: prettyErrors stays off.
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, merge: true });
  for (const error of [...document.errors, ...document.warnings]) {
    const { line, col } = lines.linePos(error.pos[0]);
    problems.push({
      file,
      line,
      column: col,
      message: `${error.message.split('\n')[0]!.replace(/[.:]?$/, '')}.`,
    });
  }
  if (document.errors.length > 0) return { value: {}, places: new Map() };
  const checked = check(document, settingsShape, { file, folder: dirname(file), lines, env });
  problems.push(...checked.problems);
  const value = (checked.value ?? {}) as Record<string, unknown>;
  checkReferences(value, (path, message) => {
    const { line, column } = checked.places.get(path) ?? { line: 1, column: 1 };
    problems.push({ file, line, column, message });
  });
  return { value, places: checked.places };
}

/** Connections that are named must exist. */
function checkReferences(
  value: Record<string, unknown>,
  problem: (path: string, message: string) => void,
): void {
  const settings = value as Partial<Settings>;
  const known = Object.keys((value.connections ?? {}) as object);
  const check = (path: string, name: unknown): void => {
    if (typeof name !== 'string' || known.includes(name)) return;
    problem(path, `${path}: there is no connection "${name}" (there are: ${known.join(', ') || 'none'}).`);
  };
  for (const [prefix, name] of Object.entries(settings.use ?? {})) {
    const path = `use.${JSON.stringify(prefix)}`;
    check(path, name);
    // What no address begins with would leave all of them to the environment.
    if (!/^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(prefix)) {
      problem(
        path,
        `${path}: no address begins so; write a scheme (s3://), or more of an address (s3://bucket).`,
      );
    }
  }
  for (const backend of ['s3', 'gcs', 'azure'] as const) {
    check(`export.${backend}.connection`, settings.export?.[backend]?.connection);
  }
  check('service.weaviate', settings.service?.weaviate);
  settings.gateway?.mappings?.forEach((mapping, i) => {
    check(`gateway.mappings[${i}].connection`, mapping.connection);
  });
  for (const [scheme, name] of Object.entries(settings.gateway?.default ?? {})) {
    check(`gateway.default.${scheme}`, name);
  }
}

function withDefaults(found: Record<string, unknown>, env: NodeJS.ProcessEnv, cwd = process.cwd()): Settings {
  const some = found as Partial<Settings> & { connections?: Record<string, object> };
  return {
    ...defaults,
    ...some,
    state: stateOf(some.state, env, cwd),
    connections: Object.entries(some.connections ?? {}).map(
      ([name, settings]) => ({ ...settings, name }) as Connection,
    ),
    use: some.use ?? {},
    temporal: some.temporal ?? {},
    service: { ...defaults.service, ...some.service },
    export: some.export ?? {},
    gateway: { ...defaults.gateway, clients: [], mappings: [], default: {}, ...some.gateway },
    tables: some.tables ?? [],
    schedules: some.schedules ?? [],
  };
}

/** A path is one from where the command runs; an address of PostgreSQL is left as it is. */
function stateOf(said: string | undefined, env: NodeJS.ProcessEnv, cwd: string): string {
  if (said === undefined) return defaultState(env);
  return isPostgres(said) ? said : resolve(cwd, said);
}

/** Freedesktop's base directory specification: state lies in $XDG_STATE_HOME, ~/.local/state without it. */
function defaultState(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_STATE_HOME || join(homeFolder(env), '.local', 'state'), 'sluice');
}

/** The single values of a shape that have a name of ours all the way: those that a variable or flag can set. */
function* scalars(shape: Shape, path: string[] = []): Generator<{ path: string[]; shape: Shape }> {
  if (shape.type === 'object') {
    for (const [name, field] of Object.entries(shape.fields)) yield* scalars(field, [...path, name]);
  } else if (shape.type !== 'list' && shape.type !== 'map' && shape.type !== 'any') {
    yield { path, shape };
  }
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = target;
  for (const name of path.slice(0, -1)) {
    at[name] ??= {};
    at = at[name] as Record<string, unknown>;
  }
  at[path.at(-1)!] = value;
}
