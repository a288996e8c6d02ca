import type { Json } from '../../base/json.ts';
import type { FinishResult, Hold, JobContext, Kind, Outcome, PartContext } from '../../jobs/kind.ts';
import { acquireLease } from '../../jobs/lease.ts';
import type { Part, PartResult } from '../../jobs/part.ts';
import { finishExport, notePending } from './finish.ts';
import { OutcomeWriter } from './outcomes.ts';
import { type Effects, PartRun } from './part-run.ts';
import { type PartBody, type PinnedExport, pinExport, refuseOvertaken } from './pinned.ts';
import { planExport } from './plan.ts';
import { clientFor, Session } from './session.ts';
import { type LakeExportSpec, parseLakeExportSpec } from './spec.ts';
import { ownFolder, readState } from './state.ts';

/** Sessions that stay open between the parts of a job; more jobs than this at once open theirs again. */
const SESSIONS_KEPT = 16;

/** Exports a lakeFS ref, or what changed since a commit, to a Store. */
export class LakeExportKind implements Kind<LakeExportSpec, PinnedExport> {
  readonly name = 'lake-export';
  readonly #sessions = new Map<string, Promise<Session>>();

  parse(spec: Json): LakeExportSpec {
    return parseLakeExportSpec(spec);
  }

  async prepare(spec: LakeExportSpec, context: JobContext): Promise<PinnedExport> {
    const client = clientFor(spec, context);
    try {
      return await pinExport(spec, client, context);
    } finally {
      await client.close();
    }
  }

  async hold(pinned: PinnedExport, context: JobContext): Promise<Hold> {
    const { placement } = await this.#session(pinned, context);
    if (pinned.mode === 'nothing')
      return { interval: 3_600_000, renew: async () => {}, release: async () => {} };
    const { store, root } = placement;
    return acquireLease(store, `${root}${ownFolder(pinned.spec.name)}lease.json`, {
      holder: context.jobId,
      begun: context.startedAt,
      about: `export "${pinned.spec.name}" of ${pinned.spec.source}`,
      signal: context.signal,
      confirm: async () => refuseOvertaken(pinned, (await readState(store, root, pinned.spec.name))?.state),
    });
  }

  async *plan(pinned: PinnedExport, context: JobContext, after?: string): AsyncGenerator<Part[]> {
    const session = await this.#session(pinned, context);
    const noted = notePending(session, pinned);
    // Planned meanwhile; no part may run before it is noted.
    noted.catch(() => {});
    for await (const batch of planExport(pinned, session, context.signal, after)) {
      await noted;
      yield batch;
    }
    await noted;
  }

  async run(part: Part, pinned: PinnedExport, context: PartContext): Promise<PartResult> {
    const session = await this.#session(pinned, context);
    const { store, root } = session.placement;
    const effects: Effects = {
      move: session.mover(context),
      remove: (object) =>
        store.delete(object.key, {
          ifMatch: store.capabilities.deleteIfMatch ? object.etag : undefined,
          signal: context.signal,
        }),
      sink: new OutcomeWriter(
        store,
        `${root}${ownFolder(pinned.spec.name)}${context.jobId}/objects/${part.id}.jsonl.gz`,
        { replaces: context.partAttempt > 1, signal: context.signal },
      ),
    };
    return new PartRun(session, pinned, part.body as PartBody, effects, context).run();
  }

  async finish(pinned: PinnedExport, outcome: Outcome, context: JobContext): Promise<FinishResult> {
    const session = await this.#session(pinned, context);
    try {
      return await finishExport(session, pinned, outcome, context);
    } finally {
      this.#sessions.delete(context.jobId);
      await session.close();
    }
  }

  #session(pinned: PinnedExport, context: JobContext): Promise<Session> {
    let session = this.#sessions.get(context.jobId);
    if (!session) {
      session = Session.open(pinned, context);
      this.#sessions.set(context.jobId, session);
      session.catch(() => this.#sessions.delete(context.jobId));
      const oldest = this.#sessions.keys().next().value!;
      // Left to the garbage collector: a part may still be using it.
      if (this.#sessions.size > SESSIONS_KEPT) this.#sessions.delete(oldest);
    }
    return session;
  }
}
