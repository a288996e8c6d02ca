import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { specOfRun } from '../../src/service/schedules/spec.ts';
import { lakeConnection, TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const counting = (folder: string, more: object = {}) => ({
  kind: 'counting',
  spec: { folder, parts: 2, ...more },
});

describe('schedules', () => {
  const service = new TestService();
  const told: { path: string; body: { [name: string]: unknown } }[] = [];
  let people: Server;
  let url: string;
  before(async () => {
    people = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      told.push({ path: request.url!, body: JSON.parse(text) });
      response.end('ok');
    });
    await new Promise<void>((resolve) => people.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(people.address() as AddressInfo).port}`;
  });
  after(async () => {
    await service.close();
    people.close();
    people.closeAllConnections();
  });

  it('run at their times, one job at a time', async () => {
    await service.start({
      schedules: [
        { name: 'quick', cron: '* * * * * *', job: counting(service.folderOf('quick')) },
        {
          name: 'slow',
          cron: '* * * * * *',
          job: counting(service.folderOf('slow'), { parts: 1, delay: 60_000 }),
        },
        { name: 'yearly', cron: '0 2 1 1 *', timezone: 'Asia/Tokyo', job: counting('x') },
        { name: 'off', enabled: false, cron: '* * * * * *', job: counting(service.folderOf('off')) },
      ],
    });
    const runs = async (search: string) =>
      (await service.get(`/v1/jobs?search=schedule-${search}`)).json.jobs.length;
    await until(async () => (await runs('quick')) >= 2);
    assert.equal(await runs('slow'), 1);
    assert.equal(await runs('off'), 0);
    const { schedules } = (await service.get('/v1/schedules')).json;
    const named = (name: string) => schedules.find((each: { name: string }) => each.name === name);
    // Two o'clock in Tokyo is five in the afternoon of the day before, UTC.
    assert.match(new Date(named('yearly').next).toISOString(), /-12-31T17:00:00/);
    assert.equal(named('off').paused, true);
    assert.equal(named('slow').last.status, 'STARTED');
    assert.equal((await service.post('/v1/schedules/slow/run')).status, 409);
    assert.equal((await service.post('/v1/schedules/none/run')).status, 404);

    assert.equal((await service.post('/v1/schedules/quick/pause')).json.paused, true);
    const before = await runs('quick');
    await new Promise((resolve) => setTimeout(resolve, 1300));
    assert.ok((await runs('quick')) <= before + 1);
    const by = await service.post('/v1/schedules/quick/run');
    assert.equal(by.status, 202);
    assert.equal((await service.ended(by.json.id)).status, 'SUCCESS');
    const { json: jobs } = await service.get('/v1/jobs?search=schedule-slow');
    await service.post(`/v1/jobs/${jobs.jobs[0].id}/cancel`);
  });

  it('make up for what was missed once, or not at all', async () => {
    const entry = (name: string, catch_up?: 'once') => ({
      name,
      cron: '0 0 1 1 *',
      ...(catch_up ? { catch_up } : {}),
      job: counting(service.folderOf(name)),
    });
    const schedules = [entry('made-up', 'once'), entry('left-out')];
    await service.restart({ schedules });
    for (const { name } of schedules) {
      await service.running.service.db.run('UPDATE schedules SET known_since = 0 WHERE name = ?', name);
    }
    await service.restart({ schedules });
    await until(() => existsSync(service.folderOf('made-up')));
    assert.equal(existsSync(service.folderOf('left-out')), false);
  });

  it('tell of failures and of the recovery', async () => {
    const folder = service.folderOf('noted');
    const job = (parts: number) => [{ name: 'noted', cron: '0 0 1 1 *', job: counting(folder, { parts }) }];
    const notify = [
      { type: 'webhook' as const, url: `${url}/hook` },
      { type: 'slack' as const, url: `${url}/slack` },
    ];
    const settings = { listen: '', auth: 'none' as const, notify };
    for (const [parts, notices] of [
      [-1, 2],
      [2, 4],
      [2, 4],
    ] as const) {
      await service.restart({ service: settings, schedules: job(parts) });
      const { json } = await service.post('/v1/schedules/noted/run');
      const { status } = await service.ended(json.id);
      await until(async () => (await service.get('/v1/schedules')).json.schedules[0].last.status === status);
      await until(() => told.length === notices);
    }
    assert.deepEqual(
      told.filter(({ path }) => path === '/hook').map(({ body }) => body.event),
      ['failure', 'recovery'],
    );
    const slack = told.filter(({ path }) => path === '/slack').map(({ body }) => body);
    assert.deepEqual(Object.keys(slack[0]!), ['text']);
    assert.match(String(slack[0]!.text), /"noted" failed .*nothing to count/);
  });

  it('are refused when they cannot be used', async () => {
    const job = counting('x');
    for (const [entry, said] of [
      [{ name: 'a', cron: 'every day', job }, /"a" cannot be used/],
      [{ name: 'a', cron: '0 0 * * *', timezone: 'Mars/Base', job }, /"a" cannot be used/],
      [{ name: 'a', job }, /either cron or on/],
    ] as const) {
      await assert.rejects(() => new TestService().start({ schedules: [entry] }), said);
    }
  });
});

describe('a schedule that follows a branch', () => {
  let lake: SampleLake;
  const service = new TestService();
  before(async () => {
    lake = await createSampleLake({ repository: 'repo' });
    await lake.put('main', 'a.txt', 'first');
    await lake.commit('main', 'one');
    await service.start({
      connections: [lakeConnection(lake.server)],
      use: { 'lakefs://': 'lake' },
      schedules: [
        {
          name: 'follow',
          on: { repository: 'repo', branch: 'main', poll: 3600 },
          job: { kind: 'lake-export', spec: { destination: service.folderOf('out') } },
        },
      ],
    });
  });
  after(async () => {
    await service.close();
    await lake.close();
  });

  it('exports it at first, and what is new when a webhook tells that it moved', async () => {
    const read = (name: string) => {
      const path = service.folderOf(`out/${name}`);
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    };
    await until(() => read('a.txt') === 'first');
    const last = async () => (await service.get('/v1/schedules')).json.schedules[0].last;
    const first = await until(async () => (await last()).status === 'SUCCESS' && (await last()));

    lake.server.hooks.webhooks.push({ url: `${service.url}/hooks/lakefs` });
    await lake.put('main', 'b.txt', 'second');
    await lake.commit('main', 'two');
    await until(() => read('b.txt') === 'second');
    const second = await until(async () => {
      const run = await last();
      return run.job !== first.job && run.status === 'SUCCESS' && run;
    });
    const { report } = (await service.get(`/v1/jobs/${second.job}`)).json;
    assert.equal(report.mode, 'incremental');
    assert.equal(report.objects.copied, 1);
  });
});

describe('the spec of a scheduled run', () => {
  const now = new Date('2026-11-21T02:03:04Z');
  it('has its own id and the time where they are asked for', () => {
    const spec = { weaviate: 'v', destination: 's3://b/{date}/{time}' };
    const job = { kind: 'vector-export', spec };
    assert.deepEqual(specOfRun({ name: 'Every Night', cron: '0 2 * * *', job }, now), {
      weaviate: 'v',
      destination: 's3://b/2026-11-21/020304',
      id: 'every-night-2026-11-21-020304',
    });
  });
});
