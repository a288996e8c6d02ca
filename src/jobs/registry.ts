import { SluiceError } from '../base/errors.ts';
import type { Kind } from './kind.ts';

/** The kinds that can be run, by name. */
export interface Kinds {
  readonly names: readonly string[];
  /** @throws SluiceError NOT_FOUND, naming the kinds that exist */
  get(name: string): Promise<Kind>;
}

/** Loads a kind when it is first needed, so that a start costs nothing for kinds that do not run. */
export type LoadKind = () => Promise<Kind>;

export function kindsOf(loaders: Readonly<Record<string, LoadKind>>): Kinds {
  const loaded = new Map<string, Promise<Kind>>();
  const names = Object.keys(loaders);
  return {
    names,
    async get(name) {
      const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined;
      if (!load) {
        throw new SluiceError(
          'NOT_FOUND',
          `There is no kind of job "${name}" (there are: ${names.join(', ') || 'none'}).`,
        );
      }
      let kind = loaded.get(name);
      if (!kind) {
        kind = load();
        loaded.set(name, kind);
      }
      return kind;
    },
  };
}
