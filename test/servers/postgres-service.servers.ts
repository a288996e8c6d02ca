import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Settings } from '../../src/config/settings.ts';
import { startSampleWeaviate } from '../../src/demo/vectors/server.ts';
import type { JobRecord } from '../../src/jobs/job.ts';
import { cli, startCli } from '../commands/cli.ts';
import { notes } from '../support/counting-kind.ts';
import { TableApp } from '../support/delta/table-app.ts';
import { HELD_OBJECTS, startHeldLake } from '../support/held-lake.ts';
import { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';
import { PASSWORD, type PostgresServer, startPostgres } from './postgres.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server?.stop());

/** Two services in this process that share a state; they end with the test. */
async function pair(
  t: TestContext,
  settings: (first: TestService) => Partial<Settings>,
): Promise<[TestService, TestService]> {
  const state = server.state();
  const services: [TestService, TestService] = [new TestService(), new TestService()];
  t.after(() => Promise.all(services.map((service) => service.close())));
  const all = { ...settings(services[0]), state };
  for (const service of services) await service.start(all);
  return services;
}

/** The address that a started service tells. */
async function listening(service: ChildProcess): Promise<string> {
  let said = '';
  service.stderr!.on('data', (chunk) => {
    said += chunk;
  });
  return await until(() => {
    assert.equal(service.exitCode, null, said);
    return /listens on (http:\S+)/.exec(said)?.[1];
  });
}

describe('two services on one state', () => {
  it('share jobs and keys; when one is killed in the middle of a job, the other goes on', async () => {
    const home = mkdtempSync(join(tmpdir(), 'sluice-replicas-'));
    const lake = await startHeldLake();
    const replicas: ChildProcess[] = [];
    try {
      const state = server.state();
      writeFileSync(join(home, 'address'), state);
      writeFileSync(
        join(home, 'sluice.yaml'),
        [
          // biome-ignore lint/suspicious/noTemplateCurlyInString: sluice.yaml's own way to name a file
          'state: "${file:address}"',
          `connections: {lake: ${lake.connection}}`,
          'use: {"lakefs://": lake}',
          'concurrency: 2',
          'service: {auth: keys}',
        ].join('\n'),
      );
      const env = { SLUICE_STATE: '' };
      const serve = async (): Promise<string> => {
        replicas.push(startCli(['serve', '--listen', '127.0.0.1:0'], home, env));
        return await listening(replicas.at(-1)!);
      };
      const [a, b] = [await serve(), await serve()];
      const made = await cli(['keys', 'create', 'ci', '--role', 'admin'], home, env);
      assert.equal(made.code, 0, made.stderr);
      const key = made.stdout.trim();
      const call = async (at: string, method: string, path: string, body?: object) =>
        await fetch(`${at}${path}`, {
          method,
          headers: {
            authorization: `Bearer ${key}`,
            ...(body ? { 'content-type': 'application/json' } : {}),
          },
          ...(body ? { body: JSON.stringify(body) } : {}),
        });
      const show = async (at: string, id: string) =>
        (await (await call(at, 'GET', `/v1/jobs/${id}`)).json()) as JobRecord;
      const start = async (at: string, id: string) => {
        lake.hold();
        const spec = { source: 'lakefs://repo/main', destination: join(home, id) };
        const answer = await call(at, 'POST', '/v1/jobs', { kind: 'lake-export', id, spec });
        assert.equal(answer.status, 202, await answer.text());
        await until(() => existsSync(join(home, id)) && readdirSync(join(home, id)).length > 20);
      };

      await start(a, 'one');
      const seen = await show(b, 'one');
      assert.equal(seen.status, 'TRANSFERRING');
      assert.equal(seen.interrupted, undefined);
      const stream = await call(b, 'GET', '/v1/jobs/one/events');
      assert.equal((await call(b, 'POST', '/v1/jobs/one/cancel')).status, 202);
      assert.match(await stream.text(), /"status":"CANCELED"/);
      assert.equal((await show(a, 'one')).status, 'CANCELED');
      lake.release();
      const retried = await call(b, 'POST', '/v1/jobs/one/retry');
      assert.equal(retried.status, 202, await retried.text());
      await until(async () => (await show(a, 'one')).status === 'SUCCESS');

      await start(a, 'two');
      replicas[0]!.kill('SIGKILL');
      await once(replicas[0]!, 'exit');
      lake.release();
      const job = await until(async () => {
        const record = await show(b, 'two');
        return record.status === 'SUCCESS' && record;
      });
      assert.equal(job.attempts, 2);
      assert.equal(readdirSync(join(home, 'two')).filter((name) => /^f\d+$/.test(name)).length, HELD_OBJECTS);

      const c = await serve();
      assert.equal((await show(c, 'one')).status, 'SUCCESS');
      const listed = await cli(['jobs', 'list', '--json'], home, env);
      assert.match(listed.stdout, /"two"/);
      assert.equal((await cli(['keys', 'revoke', 'ci'], home, env)).code, 0);
      for (const at of [b, c]) assert.equal((await call(at, 'GET', '/v1/jobs')).status, 401);

      const schema = new URL(state).searchParams.get('schema');
      const audit = await server.sql(`SELECT who, what, subject, outcome FROM ${schema}.audit ORDER BY seq`);
      assert.deepEqual(
        audit.map(({ what, subject }) => `${what} ${subject}`),
        [
          'create key ci',
          'start lake-export one',
          'cancel one',
          'retry one',
          'start lake-export two',
          'revoke key ci',
        ],
      );
      assert.ok(audit.every(({ outcome }) => outcome === 'ok'));
      const config = await cli(['config'], home, env);
      assert.match(config.stdout, /state .*address/s);
      for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) {
        assert.ok(!(config.stdout + config.stderr).includes(secret), config.stdout);
      }
      for (const replica of replicas.slice(1)) {
        replica.kill('SIGTERM');
        assert.equal((await once(replica, 'exit'))[0], 0);
      }
    } finally {
      for (const replica of replicas) replica.kill('SIGKILL');
      await lake.close();
      rmSync(home, { recursive: true, force: true });
    }
  });

  it('start each run of a schedule once, and tell of its failure once', async (t) => {
    const told: string[] = [];
    const people = createServer((request, response) => {
      told.push(request.url!);
      request.resume();
      response.end('ok');
    });
    await new Promise<void>((resolve) => people.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      people.close();
      people.closeAllConnections();
    });
    const url = `http://127.0.0.1:${(people.address() as AddressInfo).port}/hook`;
    const services = await pair(t, (first) => ({
      service: { listen: '', auth: 'none', notify: [{ type: 'webhook', url }] },
      schedules: [
        {
          name: 'often',
          cron: '* * * * * *',
          job: { kind: 'counting', spec: { folder: first.folderOf('often'), parts: 1 } },
        },
        {
          name: 'broken',
          cron: '0 0 1 1 *',
          job: { kind: 'counting', spec: { folder: first.folderOf('broken'), parts: -1 } },
        },
      ],
    }));
    const [a, b] = services;
    const runs = async () => (await b.get('/v1/jobs?search=schedule-often')).json.jobs as JobRecord[];
    await until(async () => (await runs()).length >= 6);
    // A run may begin late; were each begun twice, there would be two a second.
    const starts = (await runs()).map((job) => job.createdAt);
    const seconds = (Math.max(...starts) - Math.min(...starts)) / 1000;
    assert.ok(starts.length <= seconds + 2, `${starts.length} runs in ${seconds} s`);
    const prepared = await notes(a.folderOf('often'), 'prepared');
    assert.ok(prepared.length <= (await runs()).length);

    assert.equal((await a.post('/v1/schedules/often/pause')).json.paused, true);
    const shown = (await b.get('/v1/schedules/often')).json;
    assert.equal(shown.paused, true);
    const one = await b.post('/v1/schedules/broken/run');
    assert.equal(one.status, 202);
    const last = async (of: TestService) => (await of.get('/v1/schedules/broken')).json;
    await until(async () => (await last(a)).last?.status === 'FAILED');
    assert.equal((await last(b)).failures, 1);
    await until(() => told.length > 0);
    // Long enough for the other one to have looked.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    assert.deepEqual(told, ['/hook']);
  });

  it('work on each commit that a webhook tells of once, whichever of them hears of it', async (t) => {
    const user = new TableApp();
    t.after(() => user.close());
    await user.start();
    const services = await pair(t, () => ({
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
        { repository: 'lake', branches: ['main'], table_defs: ['plain'], target_base_location: user.target },
      ],
    }));
    const [a, b] = services;
    const commits = [user.lake.c2];
    while (commits.length < 20) commits.push(user.lake.appendToPlain(commits.at(-1)!));
    user.server.branches.set('main', commits.at(-1)!);
    const answers = await Promise.all(
      commits.flatMap((commit) => {
        const event = { event_type: 'post-commit', repository_id: 'lake', branch_id: 'main' };
        return services.map((each) =>
          each.post('/hooks/lakefs', { ...event, commit_id: commit, hook_id: 'h' }),
        );
      }),
    );
    assert.ok(answers.every(({ status }) => status === 202));
    assert.equal(answers.filter(({ json }) => json.outcome === 'accepted').length, commits.length);
    const events = async (of: TestService) =>
      (await of.get('/v1/tables/events?limit=100')).json.events as { status: string; attempts: number }[];
    await until(async () =>
      (await events(a)).every(({ status }) => status === 'DONE' || status === 'SUPERSEDED'),
    );
    assert.deepEqual(await events(b), await events(a));
    const { jobs } = (await b.get('/v1/jobs?kind=table-export')).json as { jobs: JobRecord[] };
    assert.ok(jobs.every((job) => job.status === 'SUCCESS' && job.attempts === 1));
    const sources = jobs.map((job) => (job.spec as { source: string }).source);
    assert.equal(new Set(sources).size, jobs.length, 'no commit is exported twice');
    assert.ok(jobs.length < commits.length);
    const { branches } = (await b.get('/v1/tables')).json;
    assert.equal(branches[0].tables[0].exported.commit, commits.at(-1));
  });

  it('answer for exports alike, and let one of two with the same id through', async (t) => {
    const weaviate = await startSampleWeaviate();
    t.after(() => weaviate.stop());
    const services = await pair(t, (first) => {
      mkdirSync(first.folderOf('exports'));
      return {
        service: { listen: '', auth: 'none', weaviate: 'vectors' },
        connections: [{ name: 'vectors', type: 'weaviate', url: weaviate.url, grpc: weaviate.grpc }],
        export: { filesystem: { path: first.folderOf('exports') } },
      };
    });
    const asked = { id: 'nightly', include: ['Author'] };
    const answers = await Promise.all(services.map((each) => each.post('/v1/export/filesystem', asked)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    const shown = await Promise.all(
      services.map((each) =>
        until(async () => {
          const { json } = await each.get('/v1/export/filesystem/nightly');
          return json.status === 'SUCCESS' && json;
        }),
      ),
    );
    assert.deepEqual(shown[0], shown[1]);
  });

  it('count the calls of a caller together', async (t) => {
    const services = await pair(t, () => ({ service: { listen: '', auth: 'keys', rate_limit: 40 } }));
    const [a, b] = services;
    const { key } = await a.running.service.keys.create({ name: 'eager', roles: ['read'] });
    b.key = key;
    a.key = key;
    const begun = Date.now();
    const statuses: number[] = [];
    for (let i = 0; i < 60; i++) statuses.push((await services[i % 2]!.get('/v1/jobs')).status);
    const through = statuses.filter((status) => status === 200).length;
    // It fills again while they call.
    const most = 40 + Math.ceil(((Date.now() - begun) / 60_000) * 40) + 1;
    assert.ok(through >= 36 && through <= most, `${through} of ${most}`);
    assert.ok(statuses.includes(429));
  });
});
