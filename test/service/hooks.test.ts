import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TableApp } from '../support/delta/table-app.ts';
import { TestService } from '../support/service.ts';

describe('webhooks of lakeFS', () => {
  const user = new TableApp();
  const service = new TestService();
  before(async () => {
    await user.start();
    await service.start({
      service: { listen: '', auth: 'keys', hook_secret: 'hook-secret' },
      connections: [
        {
          name: 'lake',
          type: 'lakefs',
          endpoint: user.server.url,
          access_key_id: 'key',
          secret_access_key: 'secret',
        },
      ],
      use: { 'lakefs://': 'lake' },
      tables: [
        {
          repository: 'lake',
          branches: ['main', 'release/*'],
          table_defs: ['plain'],
          target_base_location: user.target,
        },
      ],
    });
  });
  after(async () => {
    await service.close();
    await user.close();
  });

  const event = (commit: string, more: object = {}) => ({
    event_type: 'post-commit',
    repository_id: 'lake',
    branch_id: 'main',
    commit_id: commit,
    hook_id: 'export',
    action_name: 'export on change',
    ...more,
  });
  const send = (body: object, headers: Record<string, string> = { 'x-sluice-secret': 'hook-secret' }) =>
    service.post('/hooks/lakefs', body, headers);

  it('are taken with the secret only, wherever it is shown', async () => {
    const pre = event('aabbccdd', { event_type: 'pre-commit' });
    assert.equal((await send(pre, {})).status, 401);
    assert.equal((await send(pre, { 'x-sluice-secret': 'guess' })).status, 401);
    assert.equal((await send(pre, { authorization: 'Bearer guess' })).status, 401);
    assert.equal((await send(pre)).status, 202);
    assert.equal((await send(pre, { authorization: 'Bearer hook-secret' })).status, 202);
    assert.equal((await service.post('/hooks/lakefs?secret=hook-secret', pre)).status, 202);
    assert.equal((await send({ hello: 'world' })).status, 400);
    assert.equal((await send(event('aabbccdd', { branch_id: 'other' }))).json.outcome, 'ignored');
  });

  it('a storm of them, doubled, ends at the newest commit, and each table shows it', async () => {
    const commits = [user.lake.c2];
    while (commits.length < 20) commits.push(user.lake.appendToPlain(commits.at(-1)!));
    user.server.branches.set('main', commits.at(-1)!);
    const storm = commits.flatMap((commit) => [event(commit), event(commit)]).reverse();
    const answers = await Promise.all(storm.map((each) => send(each)));
    assert.ok(answers.every(({ status }) => status === 202));
    assert.equal(answers.filter(({ json }) => json.outcome === 'duplicate').length, 20);
    await service.running.service.tables.events.settled();

    service.key = (await service.running.service.keys.create({ name: 'all', roles: ['admin'] })).key;
    const { branches } = (await service.get('/v1/tables')).json;
    const main = branches.find(({ branch }: { branch: string }) => branch === 'main');
    assert.equal(main.tables[0].table, 'plain');
    assert.equal(main.tables[0].status, 'SUCCESS');
    assert.equal(main.tables[0].exported.commit, commits.at(-1));
    const { events } = (await service.get('/v1/tables/events?branch=main')).json;
    assert.equal(events.length, 20);
    assert.ok(events.every(({ status }: { status: string }) => /DONE|SUPERSEDED/.test(status)));
    const { jobs } = (await service.get('/v1/jobs?kind=table-export')).json;
    assert.ok(jobs.length < 5, `${jobs.length} jobs`);
    const done = events.find(({ status }: { status: string }) => status === 'DONE');
    assert.equal((await service.post(`/v1/tables/events/${done.id}/retry`)).status, 409);
    assert.equal((await service.post('/v1/tables/events/none/retry')).status, 404);
  });
});

describe('tables that cannot be exported', () => {
  it('keep the service from starting, with the reason', async () => {
    const tables = [{ repository: 'lake', target_base_location: 's3://b', method: 'magic' }];
    await assert.rejects(() => new TestService().start({ tables }), /"method" is "magic"/);
  });
});

describe('webhooks without a secret', () => {
  it('are refused where others can reach the service', async () => {
    const service = await new TestService({ service: { listen: '', auth: 'keys' } }).start();
    try {
      const refused = await service.post('/hooks/lakefs', { event_type: 'pre-commit' });
      assert.equal(refused.status, 403);
      assert.match(refused.json.error.message, /service\.hook_secret/);
    } finally {
      await service.close();
    }
  });
});
