import { SluiceError } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import { settledUri } from '../stores/folder.ts';

/** What an export or import may be called: also the name of its folder. */
export const JOB_NAME = /^[a-z0-9_-]{1,128}$/;

/** Takes the settings of a spec one by one, each checked. Every method throws BAD_SPEC with what to do. */
export class SpecReader {
  readonly #what: string;
  readonly #from: Record<string, Json | undefined>;

  /** @param what `export` or `import`, for people */
  constructor(what: string, spec: Json, known: ReadonlySet<string>) {
    this.#what = what;
    if (spec === null || typeof spec !== 'object' || Array.isArray(spec)) {
      throw this.bad('its spec must be an object.');
    }
    this.#from = spec;
    for (const name of Object.keys(spec)) {
      if (!known.has(name)) throw this.bad(`there is no setting "${name}".`);
    }
  }

  bad(what: string): SluiceError {
    return new SluiceError('BAD_SPEC', `This ${this.#what} cannot be done: ${what}`);
  }

  id(): string {
    const id = this.text('id');
    if (JOB_NAME.test(id)) return id;
    throw this.bad(`the id "${id}" must be 1 to 128 of a-z, 0-9, "-" and "_".`);
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw this.bad(`"${name}" must be given.`);
    return value;
  }

  optionalText(name: string): string | undefined {
    const value = this.#from[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '') throw this.bad(`"${name}" must be a text.`);
    return value;
  }

  /** The address of a store; a folder's path comes out absolute. */
  uri(name: string): string {
    return settledUri(this.text(name));
  }

  number(name: string): number | undefined {
    const value = this.#from[name];
    if (value !== undefined && typeof value !== 'number') throw this.bad(`"${name}" must be a number.`);
    return value;
  }

  /** A whole number above 0. */
  count(name: string): number | undefined {
    const value = this.number(name);
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return value;
    throw this.bad(`"${name}" must be a whole number above 0.`);
  }

  flag(name: string): boolean | undefined {
    const value = this.#from[name];
    if (value !== undefined && typeof value !== 'boolean') throw this.bad(`"${name}" must be true or false.`);
    return value;
  }

  choice<const T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#from[name];
    if (value === undefined) return undefined;
    if (choices.includes(value as T)) return value as T;
    throw this.bad(`"${name}" must be one of ${choices.join(', ')}, not ${JSON.stringify(value)}.`);
  }

  texts(name: string): string[] | undefined {
    const value = this.#from[name];
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value as string[];
    throw this.bad(`"${name}" must be a list of texts.`);
  }

  /** Texts by name. */
  map(name: string): Record<string, string> | undefined {
    const value = this.#from[name];
    if (value === undefined) return undefined;
    const isMap = value !== null && typeof value === 'object' && !Array.isArray(value);
    if (isMap && Object.values(value).every((each) => typeof each === 'string')) {
      return value as Record<string, string>;
    }
    throw this.bad(`"${name}" must be a map of texts.`);
  }

  /** The spec without what was left out. */
  compact<Spec extends Record<string, Json | undefined>>(spec: Spec): Spec {
    return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as Spec;
  }
}
