import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { silentLog } from '../../src/jobs/kind.ts';
import { openDatabase } from '../../src/jobs/state/open.ts';
import type { Database } from '../../src/jobs/state/sql.ts';
import { parseLakeEvent } from '../../src/tables/events/event.ts';
import { eventsSchema } from '../../src/tables/events/schema.ts';
import { TableEvents } from '../../src/tables/events/table-events.ts';
import { openLake } from '../../src/tables/lake.ts';
import { TableStates } from '../../src/tables/state.ts';
import { Workspace } from '../support/databricks/workspace.ts';
import { TableApp } from '../support/delta/table-app.ts';

const ROWS = 50;
const MORE = 25;

describe('events of a lake', () => {
  let user: TableApp;
  let workspace: Workspace;
  let db: Database;
  let events: TableEvents;
  beforeEach(async () => {
    workspace = await new Workspace().start();
    user = await new TableApp().start([uc()]);
    events = await opened();
  });
  afterEach(async () => {
    await close();
    await user.close();
    await workspace.close();
  });

  const uc = () => ({ name: 'uc', type: 'unity', url: workspace.url, token: workspace.token });
  const opened = async (retryDelays = [20, 20, 20, 20]) => {
    db = await openDatabase(join(user.folder, 'events'), eventsSchema);
    const made = new TableEvents({
      db,
      engine: await user.app.engine(),
      lake: () => openLake(user.app.connections.named('lake')),
      settings: ({ branch }) =>
        branch === 'main'
          ? {
              target_base_location: user.target,
              table_defs: ['plain'],
              catalog: { connection: 'uc', name: 'main' },
            }
          : undefined,
      log: silentLog,
      retryDelays,
    });
    await made.start();
    return made;
  };
  const close = async () => {
    await events.close();
    await db.close();
  };
  const event = (commit: string, hook = 'export', branch = 'main') =>
    parseLakeEvent({
      event_type: 'post-commit',
      repository_id: 'lake',
      branch_id: branch,
      commit_id: commit,
      hook_id: hook,
    })!;
  const state = async () => {
    const { store, path } = await user.app.open(user.target);
    return await new TableStates(store, path === '' ? '' : `${path}/`, 'main').read('plain');
  };
  const history = (length: number) => {
    const commits = [user.lake.c2];
    while (commits.length < length) commits.push(user.lake.appendToPlain(commits.at(-1)!));
    user.server.branches.set('main', commits.at(-1)!);
    return commits;
  };
  const jobs = async () => (await (await user.app.engine()).list({ limit: 1000 })).jobs;

  it('a storm of 1,000 events, doubled and out of order, ends at the newest commit, once', async () => {
    const commits = history(100);
    const all = commits.flatMap((commit) =>
      ['a', 'b'].flatMap((hook) => Array<string[]>(5).fill([commit, hook])),
    );
    assert.equal(all.length, 1000);
    // The newest commit's event comes in the first half, and older ones after it.
    let seed = 7;
    for (let i = all.length - 1; i > 0; i--) {
      seed = (seed * 48_271) % 2_147_483_647;
      const j = seed % (i + 1);
      [all[i], all[j]] = [all[j]!, all[i]!];
    }
    let accepted = 0;
    for (const [commit, hook] of all) {
      const { outcome } = await events.acceptEvent(event(commit!, hook));
      if (outcome === 'accepted') accepted++;
      else assert.equal(outcome, 'duplicate');
      if (accepted % 50 === 0) await new Promise(setImmediate);
    }
    assert.equal(accepted, 200);
    await events.settled();
    const exported = (await state())!.exported!;
    assert.equal(exported.commit, commits.at(-1));
    assert.equal(exported.totals.records, ROWS + 99 * MORE);
    const run = await jobs();
    assert.ok(run.length < 20, `${run.length} jobs`);
    assert.ok(run.every((job) => job.status === 'SUCCESS'));
    const commitsRun = run.map((job) => (job.spec as { source: string }).source);
    assert.equal(new Set(commitsRun).size <= run.length, true);
    assert.ok(
      (await events.list({ limit: 1000 })).every(
        ({ status }) => status === 'DONE' || status === 'SUPERSEDED',
      ),
    );
    assert.deepEqual(workspace.gaps, []);
  });

  it('an event of an older commit that comes late changes nothing', async () => {
    const [first, , last] = history(3);
    await events.acceptEvent(event(last!));
    await events.settled();
    user.server.branches.delete('main');
    await events.acceptEvent(event(first!));
    await events.settled();
    assert.equal((await state())!.exported!.commit, last);
    assert.equal((await jobs()).length, 1);
  });

  it('goes on after a restart in the middle', async () => {
    const commits = history(3);
    await events.acceptEvent(event(commits[0]!));
    await events.acceptEvent(event(commits.at(-1)!));
    await close();
    await user.restart([uc()]);
    events = await opened();
    await events.settled();
    assert.equal((await state())!.exported!.commit, commits.at(-1));
    assert.deepEqual(await events.list({ status: 'WAITING' }), []);
    assert.deepEqual(await events.list({ status: 'RUNNING' }), []);
  });

  it('a catalog that is down is tried again until it is back', async () => {
    const [commit] = history(1);
    workspace.faults.push(...Array(3).fill({ on: /unity-catalog/, give: 400 }));
    await events.acceptEvent(event(commit!));
    await events.settled();
    assert.equal((await state())!.status, 'SUCCESS');
    assert.ok(workspace.tables.has('main.main.plain'));
    const [only] = await events.list();
    assert.ok(only!.attempts > 1);
  });

  it('gives up after all attempts, says why, and can be run again', async () => {
    const [commit] = history(1);
    workspace.faults.push(...Array(5).fill({ on: /unity-catalog/, give: 400 }));
    await events.acceptEvent(event(commit!));
    await events.settled();
    const [failed] = await events.list({ status: 'FAILED' });
    assert.match(failed!.error!, /Unity Catalog/);
    assert.equal((await state())!.status, 'FAILED');
    workspace.faults.length = 0;
    await events.retry(failed!.id);
    await events.settled();
    assert.equal((await state())!.status, 'SUCCESS');
  });

  it('takes commits of configured branches only, and refuses what is no event', async () => {
    assert.equal((await events.acceptEvent(event(user.lake.c2, 'export', 'dev'))).outcome, 'ignored');
    assert.equal(
      parseLakeEvent({ event_type: 'pre-commit', repository_id: 'lake', branch_id: 'main' }),
      undefined,
    );
    assert.throws(
      () => parseLakeEvent({ event_type: 'post-commit', repository_id: 'lake' }),
      /lakeFS webhook/,
    );
  });
});
