import type { Change } from '../snapshot/snapshot.ts';
import { STAGES, type Stage, stageOf } from './order.ts';
import type { KeyRange } from './walk.ts';

export interface ChangedRange extends KeyRange {
  base: string;
  /** Changes of its stage in it. */
  objects: number;
}

/**
 * Cuts what leads from each base to the exported commit into ranges of about `target` changes, stage by stage, in
 * one pass over the changes: the ranges of the stage that is asked for first come as they are found, the others'
 * are kept (a few numbers and keys a range, no changes). A stage that has no changes has no ranges.
 */
export class ChangedRanges {
  readonly #bases: readonly string[];
  readonly #changes: (base: string) => AsyncIterable<Change[]>;
  readonly #target: number;
  #found: Map<Stage, ChangedRange[]> | undefined;

  constructor(bases: readonly string[], changes: (base: string) => AsyncIterable<Change[]>, target: number) {
    this.#bases = bases;
    this.#changes = changes;
    this.#target = target;
  }

  async *of(stage: Stage): AsyncGenerator<ChangedRange> {
    if (this.#found) {
      yield* this.#found.get(stage)!;
      return;
    }
    const found = new Map<Stage, ChangedRange[]>(STAGES.map((each) => [each, []]));
    for (const base of this.#bases) {
      const open = new Map<Stage, ChangedRange>();
      for await (const changes of this.#changes(base)) {
        for (const { path, entry } of changes) {
          const one = entry ? stageOf(path) : 'deletes';
          let range = open.get(one);
          if (range && range.objects >= this.#target) {
            found.get(one)!.push(range);
            range = { base, after: range.until, objects: 0 };
            open.set(one, range);
          } else if (!range) {
            range = { base, objects: 0 };
            open.set(one, range);
          }
          range.objects++;
          range.until = path;
        }
        yield* found.get(stage)!.splice(0);
      }
      // The last of a base is open at its end.
      for (const [one, range] of open) found.get(one)!.push({ ...range, until: undefined });
      yield* found.get(stage)!.splice(0);
    }
    this.#found = found;
  }
}
