import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cli } from '../commands/cli.ts';
import { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

describe('schedules that are made by the API', () => {
  const service = new TestService();
  const counting = (name: string) => ({
    kind: 'counting',
    spec: { folder: service.folderOf(name), parts: 1 },
  });
  const file = { name: 'of the file', cron: '0 2 * * *', job: counting('file') };
  before(() => service.start({ schedules: [file] }));
  after(() => service.close());

  it('are made, changed, run, kept over a restart, and deleted', async () => {
    const yearly = { name: 'büro / 1', cron: '0 0 1 1 *', job: counting('own') };
    const made = await service.post('/v1/schedules', yearly);
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.editable, true);
    const path = made.headers.get('location')!;
    assert.equal((await service.post('/v1/schedules', yearly)).status, 409);
    const changed = await service.call('PUT', path, { cron: '* * * * * *', job: counting('own') });
    assert.equal(changed.status, 200, changed.text);
    await until(async () => (await service.get(path)).json.last?.status === 'SUCCESS');
    assert.equal((await service.post(`${path}/pause`)).json.paused, true);

    await service.restart({ schedules: [file] });
    const { json } = await service.get('/v1/schedules');
    assert.deepEqual(
      json.schedules.map(({ name, editable, paused }: Record<string, unknown>) => [name, editable, paused]),
      [
        ['of the file', false, false],
        ['büro / 1', true, true],
      ],
    );
    assert.equal((await service.call('DELETE', path)).status, 204);
    assert.equal((await service.get(path)).status, 404);
    assert.equal((await service.call('DELETE', path)).status, 404);
    const audit = readFileSync(join(service.folder, 'state', 'audit.jsonl'), 'utf8');
    for (const what of ['create', 'change', 'delete']) {
      assert.match(
        audit,
        new RegExp(`"${what} schedule","from":"127.0.0.1","subject":"büro / 1","outcome":"ok"`),
      );
    }
  });

  it('leave those of sluice.yaml to the file', async () => {
    const path = `/v1/schedules/${encodeURIComponent(file.name)}`;
    for (const answer of [
      await service.call('PUT', path, { ...file, cron: '0 3 * * *' }),
      await service.call('DELETE', path),
    ]) {
      assert.equal(answer.status, 409);
      assert.match(answer.json.error.message, /stands in sluice\.yaml/);
    }
    assert.equal((await service.post('/v1/schedules', file)).status, 409);
  });

  it('are refused with the sentences of config check', async () => {
    const job = { kind: 'lake-export', spec: { source: 'lakefs://repo/main', destination: 's3://b/x' } };
    const wrong = [
      [{ name: 'a', crn: '0 2 * * *', job }, 'needs either cron or on'],
      [{ name: 'a', cron: 'every day', job }, 'The schedule "a" cannot be used'],
      [{ name: 'a', cron: '0 2 * * *', jitter: -1, job }, 'jitter must be a whole number of at least 1.'],
      [{ name: 'a', cron: '0 2 * * *', catch_up: 'onc', job }, 'did you mean "once"?'],
      [{ name: 'a', cron: '0 2 * * *', timezon: 'UTC', job }, 'did you mean "timezone"?'],
      [{ name: 'a', cron: '0 2 * * *' }, 'lacks "job".'],
      [
        { name: 'a', cron: '0 2 * * *', job: { kind: 'lake-exprt', spec: {} } },
        'no kind of job "lake-exprt"',
      ],
      [
        { name: 'a', cron: '0 2 * * *', job: { kind: 'lake-export', spec: { source: 'lakefs://r/main' } } },
        'A lake export needs "destination".',
      ],
    ] as const;
    for (const [entry, sentence] of wrong) {
      const answer = await service.post('/v1/schedules', entry);
      assert.ok(answer.status === 400 || answer.status === 404, answer.text);
      assert.ok(answer.json.error.message.includes(sentence), answer.json.error.message);
    }
    assert.equal((await service.get('/v1/schedules')).json.schedules.length, 1);
    const config = join(service.folder, 'checked.yaml');
    writeFileSync(config, JSON.stringify({ schedules: wrong.map(([entry]) => entry) }));
    const checked = await cli(['config', 'check', '--config', config], service.folder);
    assert.equal(checked.code, 2);
    for (const [, sentence] of wrong) assert.ok(checked.stdout.includes(sentence), checked.stdout);
  });

  it('read no variables and files of the service', async () => {
    const reference = '$' + '{HOME}';
    const job = { kind: 'counting', spec: { folder: service.folderOf(reference), parts: 1 } };
    const made = await service.post('/v1/schedules', { name: 'plain', cron: '0 0 1 1 *', job });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.job.spec.folder, service.folderOf(reference));
  });
});

it('only admins change schedules, and only inside of what is allowed', async () => {
  const service = new TestService({
    service: { auth: 'keys', listen: '', allow: { destinations: ['s3://exports/'] } },
  });
  await service.start();
  try {
    const { keys } = service.running.service;
    const entry = (destination: string) => ({
      name: 'nightly',
      cron: '0 2 * * *',
      job: { kind: 'lake-export', spec: { source: 'lakefs://repo/main', destination } },
    });
    service.key = (await keys.create({ name: 'runner', roles: ['read', 'run', 'cancel'] })).key;
    assert.equal((await service.post('/v1/schedules', entry('s3://exports/a'))).status, 403);
    service.key = (await keys.create({ name: 'boss', roles: ['admin'] })).key;
    assert.equal((await service.post('/v1/schedules', entry('s3://elsewhere/a'))).status, 403);
    assert.equal((await service.post('/v1/schedules', entry('s3://exports/a'))).status, 201);
    const moved = await service.call('PUT', '/v1/schedules/nightly', entry('s3://elsewhere/a'));
    assert.equal(moved.status, 403);

    await service.restart({ service: { auth: 'keys', listen: '', allow: { destinations: ['s3://less/'] } } });
    const run = await service.post('/v1/schedules/nightly/run');
    assert.equal(run.status, 403, 'what is not allowed any more does not run');
  } finally {
    await service.close();
  }
});
