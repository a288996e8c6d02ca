import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, SluiceError } from '../../src/base/errors.ts';
import type { Json } from '../../src/base/json.ts';
import type { Kind } from '../../src/jobs/kind.ts';
import type { PartResult } from '../../src/jobs/part.ts';

/** What goes wrong with a part; while the file `broken` is in the folder, where `untilFixed` is said. */
export type Fault = {
  code: ErrorCode;
  /** Only the first so many tries of the part; without it, every one. */
  times?: number;
  untilFixed?: boolean;
  /** The failure is one of an item of the part, not the part's own. */
  item?: string;
  /** So many such failures. */
  items?: number;
};

export type CountingSpec = {
  /** Where everything that was done is written down. */
  folder: string;
  parts: number;
  stages?: number;
  batch?: number;
  /** Milliseconds that a part takes. */
  delay?: number;
  /** Milliseconds between batches of the plan. */
  planDelay?: number;
  /** The plan goes on after its first batch when there is a file `go` in the folder. */
  planWaits?: boolean;
  /** The plan breaks off once, with a retryable error, after so many parts. */
  planBreaksAfter?: number;
  faults?: { [part: string]: Fault };
  skip?: string[];
  /** A hold that is another's from this renewal on. */
  loseHoldAt?: number;
  finishFails?: boolean;
  quiet?: boolean;
  /** Parts wait until they may run: `letRun` says how many do. */
  gated?: boolean;
  /** Parts do not listen when they are asked to stop. */
  stubborn?: boolean;
};

/** The id of part number i. */
export const partId = (i: number): string => `p${String(i).padStart(7, '0')}`;

/** A Kind that moves nothing and writes down what it was called for. */
export const countingKind: Kind<CountingSpec, CountingSpec> = {
  name: 'counting',

  parse(spec) {
    const { folder, parts } = (spec ?? {}) as Partial<CountingSpec>;
    if (typeof folder !== 'string' || typeof parts !== 'number') {
      throw new SluiceError('BAD_SPEC', 'A counting job needs a folder and a number of parts.');
    }
    return spec as CountingSpec;
  },

  async prepare(spec) {
    if (spec.parts < 0) throw new SluiceError('NOT_FOUND', 'There is nothing to count.');
    await mkdir(spec.folder, { recursive: true });
    await note(spec, 'prepared', {});
    return spec;
  },

  async hold(spec) {
    await note(spec, 'held', {});
    let renewals = 0;
    return {
      interval: 20,
      async renew() {
        renewals++;
        if (spec.loseHoldAt !== undefined && renewals >= spec.loseHoldAt) {
          throw new SluiceError('LEASED', 'Another job holds the folder now.');
        }
      },
      release: () => note(spec, 'released', {}),
    };
  },

  async *plan(spec, context, after) {
    await note(spec, 'planned', { after: after ?? null });
    const { parts, batch = 100, stages = 1 } = spec;
    for (let from = 0; from < parts; from += batch) {
      const ids = Array.from({ length: Math.min(batch, parts - from) }, (_, i) => from + i);
      yield ids
        .filter((i) => after === undefined || partId(i) > after)
        .map((i) => ({
          id: partId(i),
          stage: Math.floor((i * stages) / parts),
          label: `part ${i}`,
          body: { i },
          counts: { plannedObjects: 2 },
        }));
      while (spec.planWaits && !existsSync(join(spec.folder, 'go'))) {
        await sleep(10, undefined, { signal: context.signal });
      }
      if (spec.planDelay) await sleep(spec.planDelay, undefined, { signal: context.signal });
      if (spec.planBreaksAfter !== undefined && from + batch >= spec.planBreaksAfter && after === undefined) {
        throw new SluiceError('CONNECTION', 'The plan broke off.');
      }
    }
  },

  async run(part, spec, context): Promise<PartResult> {
    const { partAttempt, attempt, signal } = context;
    if (!spec.quiet) await note(spec, 'ran', { part: part.id, partAttempt, attempt, pid: process.pid });
    if (spec.delay || spec.gated) context.progress({ objects: 1 });
    const pause = (milliseconds: number) => sleep(milliseconds, undefined, spec.stubborn ? {} : { signal });
    if (spec.delay) await pause(spec.delay);
    while (spec.gated && !(await admitted(spec))) await pause(10);
    if (spec.skip?.includes(part.id)) return { counts: {}, skipped: 'There was nothing in it.' };
    const fault = spec.faults?.[part.id];
    const broken = fault?.untilFixed ? existsSync(join(spec.folder, 'broken')) : fault !== undefined;
    if (fault && broken && partAttempt <= (fault.times ?? Number.POSITIVE_INFINITY)) {
      const message = `Part ${part.id} broke.`;
      if (fault.item === undefined) throw new SluiceError(fault.code, message);
      const { items = 1 } = fault;
      const failures = Array.from({ length: items }, () => ({
        item: fault.item!,
        code: fault.code,
        message,
      }));
      return { counts: { objects: 1, failed: items }, failures };
    }
    if (!spec.quiet) await note(spec, 'done', { part: part.id });
    return { counts: { objects: 2, bytes: 10 }, data: { i: (part.body as { i: number }).i } };
  },

  async finish(spec, outcome) {
    const seen: Record<string, number> = {};
    for await (const part of outcome.parts()) seen[part.status] = (seen[part.status] ?? 0) + 1;
    await note(spec, 'finished', { status: outcome.status, parts: seen, counts: outcome.progress.counts });
    if (spec.finishFails) {
      const error = { code: 'DIFFERENT', message: 'Something is not there.' };
      return { status: 'FAILED', error, report: { seen } };
    }
    return { status: outcome.status, report: { seen } };
  },
};

async function note(spec: CountingSpec, what: string, line: Json): Promise<void> {
  await appendFile(join(spec.folder, `${what}.jsonl`), `${JSON.stringify(line)}\n`);
}

/** Lets so many parts of a gated job run in all, whichever come first, or every one; the others wait. */
export async function letRun(folder: string, parts = Number.POSITIVE_INFINITY): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'go'), String(parts));
}

/** By folder, tickets that this process knows to be taken. */
const taken = new Map<string, number>();

/** Takes one of the tickets that all processes share. */
async function admitted({ folder }: CountingSpec): Promise<boolean> {
  // Not there yet, or just being written: none.
  const tickets = Number(await readFile(join(folder, 'go'), 'utf8').catch(() => ''));
  if (tickets === Number.POSITIVE_INFINITY) return true;
  for (let ticket = taken.get(folder) ?? 0; ticket < tickets; ticket++) {
    taken.set(folder, Math.max(taken.get(folder) ?? 0, ticket + 1));
    const took = await writeFile(join(folder, `ticket-${ticket}`), '', { flag: 'wx' }).then(
      () => true,
      () => false,
    );
    if (took) return true;
  }
  return false;
}

/** What the kind wrote down in a folder. */
export async function notes<T = Record<string, unknown>>(folder: string, what: string): Promise<T[]> {
  const text = await readFile(join(folder, `${what}.jsonl`), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line));
}
