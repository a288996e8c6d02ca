import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Engine, JobEvent } from '../../src/jobs/engine.ts';
import { type CountingSpec, letRun, notes, partId } from '../support/counting-kind.ts';
import { until } from '../support/until.ts';

export interface EngineUnderTest {
  engine: Engine;
  /** One more engine on the same state, as another process has. */
  another(): Promise<Engine>;
  /** A process that submits a counting job under an id and runs it to its end. */
  spawn(id: string, spec: CountingSpec): ChildProcess;
  close(): Promise<void>;
}

/** What every Engine does, asked of a fresh one for each test. */
export function engineContract(name: string, make: (folder: string) => Promise<EngineUnderTest>): void {
  describe(name, () => {
    const cleanups: (() => Promise<unknown>)[] = [];
    after(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
    });

    const fresh = async (): Promise<EngineUnderTest & { folder: string }> => {
      const root = await mkdtemp(join(tmpdir(), 'sluice-engine-'));
      const made = await make(join(root, 'state'));
      cleanups.push(() => rm(root, { recursive: true, force: true }));
      cleanups.push(() => made.close());
      return { ...made, folder: join(root, 'notes') };
    };
    const collect = async (events: AsyncIterable<JobEvent>): Promise<JobEvent[]> => {
      const all: JobEvent[] = [];
      for await (const event of events) all.push(event);
      return all;
    };

    test('runs every part once, sums up, finishes and remembers', async () => {
      const { engine, folder } = await fresh();
      const job = await engine.submit('counting', { folder, parts: 250, batch: 30 });
      assert.match(job.id, /^\d{8}-\d{6}-[0-9a-f]{6}$/);
      const ended = await engine.wait(job.id);
      assert.equal(ended.status, 'SUCCESS');
      assert.deepEqual(ended.progress, {
        counts: { plannedObjects: 500, objects: 500, bytes: 2500 },
        parts: { SUCCESS: 250 },
        planned: true,
      });
      assert.deepEqual(ended.report, { seen: { SUCCESS: 250 } });
      assert.ok(ended.completedAt! >= ended.startedAt!);
      const ran = await notes<{ part: string }>(folder, 'ran');
      assert.equal(new Set(ran.map((line) => line.part)).size, 250);
      assert.equal(ran.length, 250);
      assert.equal((await notes(folder, 'prepared')).length, 1);
      assert.equal((await notes(folder, 'released')).length, 1);
    });

    test('lists parts in order, by status, by text, page by page', async () => {
      const { engine, folder } = await fresh();
      const faults = { [partId(7)]: { code: 'ACCESS_DENIED' as const } };
      const { id } = await engine.submit('counting', { folder, parts: 20, faults, skip: [partId(3)] });
      await engine.wait(id);
      const first = await engine.parts(id, { limit: 8 });
      const second = await engine.parts(id, { limit: 100, after: first.at(-1)!.id });
      assert.deepEqual(
        [...first, ...second].map((part) => part.id),
        Array.from({ length: 20 }, (_, i) => partId(i)),
      );
      const [failed] = await engine.parts(id, { status: 'FAILED' });
      assert.equal(failed!.id, partId(7));
      assert.equal(failed!.error!.code, 'ACCESS_DENIED');
      assert.deepEqual((await engine.parts(id, { search: 'PART 1' })).length, 11);
      const [skipped] = await engine.parts(id, { status: 'SKIPPED' });
      assert.equal(skipped!.skipped, 'There was nothing in it.');
    });

    test('lists jobs newest first, by kind, status and text, page by page', async () => {
      const { engine, folder } = await fresh();
      for (let i = 0; i < 5; i++) {
        const id = `job-${i}`;
        await engine.submit('counting', { folder: `${folder}-${i}`, parts: i === 2 ? -1 : 1 }, { id });
        await engine.wait(id);
      }
      const page = await engine.list({ limit: 3 });
      assert.deepEqual(
        page.jobs.map((job) => job.id),
        ['job-4', 'job-3', 'job-2'],
      );
      const rest = await engine.list({ limit: 3, after: page.next });
      assert.deepEqual(
        rest.jobs.map((job) => job.id),
        ['job-1', 'job-0'],
      );
      assert.equal(rest.next, undefined);
      const whole = await engine.get('job-4');
      assert.ok(whole.report !== undefined && whole.pinned !== undefined);
      const { report: _, pinned: __, ...listed } = whole;
      assert.deepEqual(JSON.parse(JSON.stringify(page.jobs[0])), JSON.parse(JSON.stringify(listed)));
      assert.deepEqual(
        (await engine.list({ status: 'FAILED' })).jobs.map((job) => job.id),
        ['job-2'],
      );
      assert.equal((await engine.list({ search: 'notes-3' })).jobs.length, 1);
      assert.equal((await engine.list({ kind: 'other' })).jobs.length, 0);
    });

    test('forgets what has ended when it is asked to, and nothing that runs', async () => {
      const { engine, folder } = await fresh();
      if (!engine.prune) return;
      for (let i = 0; i < 5; i++) {
        const id = `job-${i}`;
        await engine.submit('counting', { folder: `${folder}-${i}`, parts: i === 2 ? -1 : 3 }, { id });
        await engine.wait(id);
      }
      await engine.submit('counting', { folder: `${folder}-long`, parts: 5, gated: true }, { id: 'long' });
      const ids = async () => (await engine.list()).jobs.map(({ id }) => id);
      assert.equal(await engine.prune({}), 0);
      assert.equal(await engine.prune({ before: (await engine.get('job-0')).completedAt }), 0);
      const told: string[] = [];
      const onForget = async (some: readonly string[]) => void told.push(...some);
      assert.equal(await engine.prune({ keep: 3, onForget }), 2);
      assert.deepEqual(told, ['job-0', 'job-1']);
      assert.deepEqual(await ids(), ['long', 'job-4', 'job-3', 'job-2']);
      assert.equal(await engine.prune({ before: Date.now() + 60_000 }), 3);
      assert.deepEqual(await ids(), ['long']);
      await assert.rejects(engine.parts('job-4'), { code: 'NOT_FOUND' });
      await engine.cancel('long');
      await engine.wait('long');
      // The id is free again.
      await engine.submit('counting', { folder: `${folder}-again`, parts: 1 }, { id: 'job-0' });
      assert.equal((await engine.wait('job-0')).status, 'SUCCESS');
    });

    test('refuses unknown kinds, bad specs, bad ids and unknown jobs', async () => {
      const { engine, folder } = await fresh();
      await assert.rejects(engine.submit('counted', {}), { code: 'NOT_FOUND', message: /counting/ });
      await assert.rejects(engine.submit('counting', { folder }), { code: 'BAD_SPEC' });
      await assert.rejects(engine.submit('counting', { folder, parts: 1 }, { id: '../x' }), {
        code: 'BAD_SPEC',
      });
      for (const ask of ['get', 'wait', 'cancel', 'resume'] as const) {
        await assert.rejects(engine[ask]('no'), { code: 'NOT_FOUND' });
      }
      assert.deepEqual((await engine.list()).jobs, []);
    });

    test('a job that is submitted twice runs once', async () => {
      const { engine, folder } = await fresh();
      const spec = { folder, parts: 5, delay: 5 };
      const [first, second] = await Promise.all([
        engine.submit('counting', spec, { id: 'twice' }),
        engine.submit('counting', { delay: 5, parts: 5, folder }, { id: 'twice' }),
      ]);
      assert.equal(first.id, second.id);
      await engine.wait('twice');
      const again = await engine.submit('counting', spec, { id: 'twice' });
      assert.equal(again.status, 'SUCCESS');
      assert.equal((await notes(folder, 'ran')).length, 5);
      const other = { ...spec, parts: 6 };
      await assert.rejects(engine.submit('counting', other, { id: 'twice' }), { code: 'ALREADY_EXISTS' });
    });

    test('a part is tried again when that can help, and only then', async () => {
      const { engine, folder } = await fresh();
      const faults = {
        [partId(1)]: { code: 'UNAVAILABLE' as const, times: 2 },
        [partId(2)]: { code: 'UNAVAILABLE' as const },
        [partId(3)]: { code: 'ACCESS_DENIED' as const },
      };
      const { id } = await engine.submit('counting', { folder, parts: 5, faults });
      const ended = await engine.wait(id);
      assert.equal(ended.status, 'FAILED');
      assert.match(ended.error!.message, /2 of 5 parts failed.*part 2.*broke/);
      assert.deepEqual(ended.progress.parts, { SUCCESS: 3, FAILED: 2 });
      const parts = await engine.parts(id);
      assert.deepEqual(
        parts.map((part) => part.attempts),
        [1, 3, 3, 1, 1],
      );
    });

    test('failures of single objects fail their part, and the job goes on with the others', async () => {
      const { engine, folder } = await fresh();
      const faults = { [partId(0)]: { code: 'NOT_FOUND' as const, item: 'a/b c%41' } };
      const { id } = await engine.submit('counting', { folder, parts: 3, faults });
      const ended = await engine.wait(id);
      assert.equal(ended.status, 'FAILED');
      assert.equal(ended.progress.counts.failed, 1);
      assert.equal(ended.progress.counts.objects, 5);
      const [part] = await engine.parts(id, { status: 'FAILED' });
      assert.deepEqual(
        part!.failures.map((failure) => failure.item),
        ['a/b c%41'],
      );
      assert.match(ended.error!.message, /a\/b c%41/);
      assert.equal((await notes(folder, 'finished')).length, 1);
    });

    test('stages run one after another, and a failed one shuts the door', async () => {
      const { engine, folder } = await fresh();
      const spec = { folder, parts: 12, stages: 3, delay: 2 };
      const good = await engine.submit('counting', spec);
      assert.equal((await engine.wait(good.id)).status, 'SUCCESS');
      const stages = (await notes<{ part: string }>(folder, 'ran')).map((line) =>
        Math.floor(Number(line.part.slice(1)) / 4),
      );
      assert.deepEqual(stages, [...stages].sort());

      const bad = `${folder}-bad`;
      const faults = { [partId(5)]: { code: 'ACCESS_DENIED' as const, untilFixed: true } };
      await mkdir(bad);
      await writeFile(join(bad, 'broken'), '');
      const { id } = await engine.submit('counting', { ...spec, folder: bad, faults });
      const ended = await engine.wait(id);
      assert.equal(ended.status, 'FAILED');
      assert.deepEqual(ended.progress.parts, { SUCCESS: 7, FAILED: 1, SKIPPED: 4 });
      for (const part of await engine.parts(id, { status: 'SKIPPED' })) assert.match(part.skipped!, /stage/);
      assert.equal((await notes(bad, 'finished')).length, 1);

      await rm(join(bad, 'broken'));
      const resumed = await engine.resume(id);
      assert.equal(resumed.attempts, 2);
      const after = await engine.wait(id);
      assert.equal(after.status, 'SUCCESS');
      assert.equal(after.error, undefined);
      assert.deepEqual(after.progress.counts, { plannedObjects: 24, objects: 24, bytes: 120 });
      const done = (await notes<{ part: string }>(bad, 'done')).map((line) => line.part);
      assert.deepEqual(
        done.sort(),
        Array.from({ length: 12 }, (_, i) => partId(i)),
        'what succeeded is not done again',
      );
      await assert.rejects(engine.resume(id), { code: 'CONFLICT' });
      await assert.rejects(engine.cancel(id), { code: 'CONFLICT' });
    });

    test('when everything fails alike, the job stops early', async () => {
      const { engine, folder } = await fresh();
      const faults: CountingSpec['faults'] = {};
      for (let i = 0; i < 300; i++) faults[partId(i)] = { code: 'UNAUTHENTICATED' };
      const { id } = await engine.submit('counting', { folder, parts: 300, faults });
      const ended = await engine.wait(id);
      assert.equal(ended.status, 'FAILED');
      assert.equal(ended.error!.code, 'UNAUTHENTICATED');
      assert.ok((await notes(folder, 'ran')).length < 100);
    });

    test('a plan that breaks off goes on after the last part', async () => {
      const { engine, folder } = await fresh();
      const { id } = await engine.submit('counting', { folder, parts: 100, batch: 10, planBreaksAfter: 40 });
      const ended = await engine.wait(id);
      assert.equal(ended.status, 'SUCCESS');
      assert.deepEqual(ended.progress.parts, { SUCCESS: 100 });
      assert.deepEqual(
        (await notes(folder, 'planned')).map((line) => line.after),
        [null, partId(39)],
      );
    });

    test('parts run while the plan is still made', async () => {
      const { engine, folder } = await fresh();
      const { id } = await engine.submit('counting', { folder, parts: 40, batch: 10, planWaits: true });
      await until(async () => (await notes(folder, 'done')).length > 0);
      assert.equal((await engine.get(id)).progress.planned, false);
      await writeFile(join(folder, 'go'), '');
      assert.equal((await engine.wait(id)).status, 'SUCCESS');
    });

    test('a job that cannot be prepared fails with the reason', async () => {
      const { engine, folder } = await fresh();
      const { id } = await engine.submit('counting', { folder, parts: -1 });
      const ended = await engine.wait(id);
      assert.deepEqual(ended.error, { code: 'NOT_FOUND', message: 'There is nothing to count.' });
    });

    test('a finish that finds differences fails the job', async () => {
      const { engine, folder } = await fresh();
      const { id } = await engine.submit('counting', { folder, parts: 2, finishFails: true });
      const ended = await engine.wait(id);
      assert.equal(ended.status, 'FAILED');
      assert.equal(ended.error!.code, 'DIFFERENT');
      assert.deepEqual(ended.report, { seen: { SUCCESS: 2 } });
    });

    test('a hold that another took stops the job, without finish', async () => {
      const { engine, folder } = await fresh();
      const { id } = await engine.submit('counting', { folder, parts: 5, gated: true, loseHoldAt: 3 });
      const ended = await engine.wait(id);
      assert.equal(ended.status, 'FAILED');
      assert.equal(ended.error!.code, 'LEASED');
      assert.deepEqual(await notes(folder, 'finished'), []);
      assert.deepEqual(await notes(folder, 'released'), []);
    });

    test('cancel stops soon, finishes with a report, and can be resumed', async () => {
      const { engine, folder } = await fresh();
      const { id } = await engine.submit('counting', { folder, parts: 60, gated: true });
      await letRun(folder, 6);
      await until(async () => (await notes(folder, 'done')).length === 6);
      await engine.cancel(id);
      const ended = await engine.wait(id);
      assert.equal(ended.status, 'CANCELED');
      const [finished] = await notes<{ status: string }>(folder, 'finished');
      assert.equal(finished!.status, 'CANCELED');
      const begun = (await notes(folder, 'ran')).length - 6;
      assert.equal(ended.progress.counts.objects, 2 * 6 + begun, 'half of each part that was cut short');
      await letRun(folder);
      await engine.resume(id);
      const resumed = await engine.wait(id);
      assert.equal(resumed.status, 'SUCCESS');
      assert.equal(resumed.progress.counts.objects, 120);
    });

    test('events tell of status, parts and progress, and end with the job', async () => {
      const { engine, folder } = await fresh();
      const { id } = await engine.submit('counting', { folder, parts: 20, delay: 5 });
      const events = await collect(engine.events({ id }));
      const ended = await engine.wait(id);
      assert.deepEqual(
        events.filter((event) => event.type === 'status').map((event) => event.status),
        ['TRANSFERRING', 'SUCCESS'],
      );
      const parts = events.filter((event) => event.type === 'part' && event.status === 'SUCCESS');
      assert.equal(parts.length, 20);
      const progress = events.findLast((event) => event.type === 'progress');
      assert.deepEqual(progress?.progress, ended.progress);
      assert.deepEqual(await collect(engine.events({ id })), [], 'a job that has ended has no more events');
    });

    test('another process sees a running job, follows it and cancels it', async () => {
      const { engine, another, folder, spawn } = await fresh();
      await letRun(folder, 6);
      spawn('elsewhere', { folder, parts: 100, gated: true });
      const other = await another();
      await until(async () => (await notes(folder, 'done')).length === 6);
      const record = await engine.get('elsewhere');
      assert.equal(record.status, 'TRANSFERRING');
      assert.equal(record.interrupted, undefined);
      await assert.rejects(engine.resume('elsewhere'), { code: 'CONFLICT' });
      const heard = { one: [] as JobEvent[], all: [] as JobEvent[] };
      const hear = async (events: AsyncIterable<JobEvent>, into: JobEvent[]): Promise<void> => {
        for await (const event of events) if (event.id === 'elsewhere') into.push(event);
      };
      const toEnd = hear(other.events({ id: 'elsewhere' }), heard.one);
      void hear(engine.events(), heard.all);
      // An end before the first look is no news for a listener: that both listen is shown by what they hear.
      for (let parts = 7; heard.one.length < 3 || heard.all.length < 3; parts++) {
        assert.ok(parts < 90, 'a job that runs was not heard of');
        await letRun(folder, parts);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      await engine.cancel('elsewhere');
      const ended = await other.wait('elsewhere');
      assert.equal(ended.status, 'CANCELED');
      assert.ok(ended.progress.counts.objects! >= 10);
      await toEnd;
      assert.equal(heard.one.findLast((event) => event.type === 'status')?.status, 'CANCELED');
      await until(async () =>
        heard.all.some((event) => event.type === 'status' && event.status === 'CANCELED'),
      );
    });

    test('a job whose process was killed is seen as interrupted and loses nothing', async () => {
      const { engine, folder, spawn } = await fresh();
      const spec = { folder, parts: 300, batch: 20, planDelay: 5, gated: true };
      for (let kill = 0; kill < 3; kill++) {
        const before = (await notes(folder, 'done')).length;
        await letRun(folder, 50 * (kill + 1));
        const child = spawn('killed', spec);
        await until(async () => (await notes(folder, 'done')).length > before + 15);
        child.kill('SIGKILL');
        const record = await engine.wait('killed');
        assert.equal(record.interrupted, true);
        assert.equal(record.status, 'TRANSFERRING');
      }
      await letRun(folder);
      await engine.resume('killed');
      const ended = await engine.wait('killed');
      assert.equal(ended.status, 'SUCCESS');
      assert.equal(ended.interrupted, undefined);
      assert.equal(ended.attempts, 4);
      assert.deepEqual(ended.progress.parts, { SUCCESS: 300 });
      assert.deepEqual(ended.progress.counts, { plannedObjects: 600, objects: 600, bytes: 3000 });
      const done = (await notes<{ part: string }>(folder, 'done')).map((line) => line.part);
      assert.equal(new Set(done).size, 300);
      assert.ok(
        done.length < 300 + 3 * 20,
        `at most what was in flight is done again, not ${done.length - 300}`,
      );
      assert.equal((await notes(folder, 'finished')).length, 1);
    });

    test('close leaves jobs that the next engine goes on with', async () => {
      const { engine, another, folder } = await fresh();
      const spec = { folder, parts: 50, gated: true };
      const older = { ...spec, folder: `${folder}-older` };
      await letRun(older.folder, 6);
      await engine.submit('counting', older, { id: 'older' });
      // Before there is another: where jobs share the places for parts, its parts would wait in them.
      await until(async () => (await notes(older.folder, 'done')).length === 6);
      await engine.submit('counting', spec, { id: 'closed' });
      const next = await another();
      await engine.close();
      for (const id of ['older', 'closed']) assert.equal((await next.get(id)).interrupted, true);
      assert.deepEqual(await notes(folder, 'finished'), []);
      for (const each of [folder, older.folder]) await letRun(each);
      const same = await next.submit('counting', older);
      assert.equal(same.id, 'older', 'the same command again goes on, and not with another one');
      assert.equal((await next.submit('counting', spec, { id: 'closed' })).id, 'closed');
      for (const id of ['older', 'closed']) assert.equal((await next.wait(id)).status, 'SUCCESS');
      await assert.rejects(engine.get('closed'), { code: 'UNAVAILABLE' });
      await assert.rejects(engine.submit('counting', spec), { code: 'UNAVAILABLE' });
    });
  });
}
