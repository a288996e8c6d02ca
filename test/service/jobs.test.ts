import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { letRun } from '../support/counting-kind.ts';
import { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

interface ServerEvent {
  type: string;
  data: { status?: string; [more: string]: unknown };
}

/** Reads server-sent events until the stream ends. */
async function* events(response: Response): AsyncGenerator<ServerEvent> {
  let rest = '';
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      const type = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (type && data) yield { type, data: JSON.parse(data) };
    }
  }
}

async function all(stream: AsyncIterable<ServerEvent>): Promise<ServerEvent[]> {
  const heard: ServerEvent[] = [];
  for await (const event of stream) heard.push(event);
  return heard;
}

describe('jobs by HTTP', () => {
  const service = new TestService();
  before(() => service.start());
  after(() => service.close());

  const spec = (name: string, more: object = {}) => ({
    folder: service.folderOf(name),
    parts: 5,
    ...more,
  });
  const start = async (id: string, more: object = {}) =>
    await service.post('/v1/jobs', { kind: 'counting', id, spec: spec(id, more) });

  it('starts, shows and lists jobs and their parts', async () => {
    const started = await start('one');
    assert.equal(started.status, 202);
    assert.equal(started.headers.get('location'), '/v1/jobs/one');
    await service.ended('one');
    const shown = await service.get('/v1/jobs/one');
    assert.equal(shown.json.status, 'SUCCESS');
    assert.equal(shown.json.spec.parts, 5);
    const { json: parts } = await service.get('/v1/jobs/one/parts?limit=3');
    assert.equal(parts.parts.length, 3);
    const { json: rest } = await service.get(`/v1/jobs/one/parts?limit=3&after=${parts.next}`);
    assert.equal(rest.parts.length, 2);
    assert.equal(rest.next, undefined);

    assert.equal((await start('one')).json.status, 'SUCCESS', 'the same again is the job that is there');
    assert.equal((await start('one', { parts: 6 })).status, 409);
    for (const id of ['two', 'three']) {
      await start(id);
      await service.ended(id);
    }
    const first = (await service.get('/v1/jobs?kind=counting&status=SUCCESS&limit=2')).json;
    assert.deepEqual(
      first.jobs.map((job: { id: string }) => job.id),
      ['three', 'two'],
    );
    const second = (await service.get(`/v1/jobs?limit=2&after=${first.next}`)).json;
    assert.equal(second.jobs[0].id, 'one');
    assert.equal((await service.get('/v1/jobs?search=thr')).json.jobs.length, 1);
  });

  it('shows every caller what it did, however many ask for the same meanwhile', async () => {
    const list = '/v1/jobs?search=asked';
    const ids = async () => (await service.get(list)).json.jobs.map((job: { id: string }) => job.id);
    const ask = () => Promise.all(Array.from({ length: 20 }, ids));
    for (let i = 1; i <= 5; i++) {
      const before = ask();
      await start(`asked-${i}`);
      assert.equal((await ids())[0], `asked-${i}`);
      for (const seen of await before) assert.ok(seen.length === i || seen.length === i - 1);
      assert.equal((await service.get(`/v1/jobs/asked-${i}`)).json.id, `asked-${i}`);
      await service.ended(`asked-${i}`);
      assert.equal((await service.get(`/v1/jobs/asked-${i}`)).json.status, 'SUCCESS');
      const { status, headers } = await service.get('/v1/jobs/asked-0');
      assert.deepEqual([status, headers.get('content-type')], [404, 'application/json; charset=utf-8']);
    }
    await start('asked-0');
    assert.equal((await service.get('/v1/jobs/asked-0')).status, 200);
  });

  it('answers what cannot be done with a code and a sentence', async () => {
    for (const [status, code, answer] of [
      [404, 'NOT_FOUND', await service.get('/v1/jobs/none')],
      [404, 'NOT_FOUND', await service.get('/v1/jobs/none/events')],
      [404, 'NOT_FOUND', await service.get('/nothing')],
      [404, 'NOT_FOUND', await service.post('/v1/jobs', { kind: 'no-kind', spec: {} })],
      [400, 'BAD_SPEC', await service.post('/v1/jobs', { kind: 'counting', spec: {} })],
      [400, 'BAD_SPEC', await service.post('/v1/jobs', { spec: {} })],
      [400, 'BAD_SPEC', await service.post('/v1/jobs', { kind: 'counting', spec: {}, typo: 1 })],
      [400, 'BAD_SPEC', await service.post('/v1/jobs', { kind: 'counting', spec: spec('x'), id: 'a/b' })],
      [
        400,
        'BAD_SPEC',
        await service.post('/v1/jobs', {
          kind: 'counting',
          spec: spec('x'),
          id: 'export-s3-0123456789abcdef-1',
        }),
      ],
      [400, 'BAD_SPEC', await service.get('/v1/jobs?status=GOOD')],
      [400, 'BAD_SPEC', await service.get('/v1/jobs?limit=0')],
      [409, 'CONFLICT', await service.post('/v1/jobs/one/cancel')],
      [409, 'CONFLICT', await service.post('/v1/jobs/one/retry')],
    ] as const) {
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.json.error.code, code);
      assert.match(answer.json.error.message, /\w+ .*\w/);
    }
  });

  it('cancels a job, and goes on with it by retry', async () => {
    await letRun(service.folderOf('long'), 5);
    await start('long', { parts: 40, gated: true });
    await until(async () => (await service.get('/v1/jobs/long')).json.progress.parts.SUCCESS === 5);
    assert.equal((await service.post('/v1/jobs/long/cancel')).status, 202);
    assert.equal((await service.ended('long')).status, 'CANCELED');
    await letRun(service.folderOf('long'));
    const retried = await service.post('/v1/jobs/long/retry');
    assert.equal(retried.status, 202);
    assert.equal(retried.json.attempts, 2);
    assert.equal((await service.ended('long')).status, 'SUCCESS');
  });

  it('notes who did what in the audit log', async () => {
    const lines = readFileSync(join(service.folder, 'state', 'audit.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const done = lines.map(({ what, subject, outcome }) => `${what} ${subject} ${outcome}`);
    for (const line of ['start counting one ok', 'cancel long ok', 'retry long ok', 'cancel one CONFLICT']) {
      assert.ok(done.includes(line), `${line} in ${done.join('\n')}`);
    }
    assert.equal(lines[0].from, '127.0.0.1');
  });

  it('tells 200 clients at once what happens to a job, until its end', async () => {
    await start('watched', { parts: 2000, delay: 100 });
    const clients = await Promise.all(
      Array.from({ length: 200 }, () =>
        fetch(`${service.url}/v1/jobs/watched/events`, { headers: { 'last-event-id': '7' } }),
      ),
    );
    assert.equal(clients[0]!.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    let moving = 0;
    const heard = await Promise.all(
      clients.map(async (client) => {
        const heard: ServerEvent[] = [];
        for await (const event of events(client)) {
          // Once everyone has heard of progress, the job may end.
          const first = event.type === 'progress' && !heard.some(({ type }) => type === 'progress');
          heard.push(event);
          if (first && ++moving === clients.length) await service.post('/v1/jobs/watched/cancel');
        }
        return heard;
      }),
    );
    for (const each of heard) {
      assert.equal(each[0]!.type, 'job');
      const ends = each.filter(({ type, data }) => type === 'status' && data.status === 'CANCELED');
      assert.equal(ends.length, 1);
      assert.equal(each.at(-1)!.type, 'job');
      assert.equal(each.at(-1)!.data.status, 'CANCELED');
    }
    const late = await all(events(await fetch(`${service.url}/v1/jobs/watched/events`)));
    assert.deepEqual(
      late.map(({ type, data }) => [type, data.status]),
      [['job', 'CANCELED']],
    );
  });

  it('tells of all jobs, and is not held up by a client that does not read', async () => {
    const idle = request(`${service.url}/v1/events`);
    idle.on('response', (response) => response.pause());
    idle.end();
    const stop = new AbortController();
    const stream = events(await fetch(`${service.url}/v1/events`, { signal: stop.signal }));
    await start('seen', { parts: 3 });
    for await (const { type, data } of stream) {
      if (type === 'status' && data.id === 'seen' && data.status === 'SUCCESS') break;
    }
    stop.abort();
    idle.destroy();
  });

  it('serves health, metrics, the OpenAPI document and a page to read it', async () => {
    assert.deepEqual((await service.get('/healthz')).json, { status: 'ok' });
    assert.deepEqual((await service.get('/readyz')).json, { status: 'ready' });
    const metrics = (await service.get('/metrics')).text;
    assert.match(metrics, /sluice_jobs_total\{kind="counting",status="SUCCESS"\} [1-9]/);
    assert.match(metrics, /sluice_http_request_seconds_count\{route="\/v1\/jobs\/:id"/);
    assert.match(metrics, /weaviate_export_operations_total/);
    const { paths, openapi } = (await service.get('/openapi.json')).json;
    assert.match(openapi, /^3\./);
    for (const path of ['/v1/jobs', '/v1/jobs/{id}/events', '/v1/schedules', '/v1/tables', '/hooks/lakefs']) {
      assert.ok(paths[path], path);
    }
    const page = await service.get('/docs');
    assert.match(page.headers.get('content-security-policy')!, /default-src 'none'/);
    assert.match(page.text, /\/v1\/jobs/);
    assert.doesNotMatch(page.text, /https?:|<script/);
  });
});

describe('a service that is stopped', () => {
  it('leaves running jobs and goes on with them at the next start, and with no others', async () => {
    const service = await new TestService().start();
    try {
      const stream = await fetch(`${service.url}/v1/events`);
      const own = { folder: service.folderOf('a'), parts: 30, gated: true };
      await letRun(own.folder, 5);
      await service.post('/v1/jobs', { kind: 'counting', id: 'own', spec: own });
      const terminal = { folder: service.folderOf('b'), parts: 30, gated: true };
      await (await service.app.engine()).submit('counting', terminal, { id: 'terminal' });
      await until(async () => (await service.get('/v1/jobs/own')).json.progress.parts.SUCCESS === 5);
      await service.stop();
      await letRun(own.folder);
      await service.start();
      assert.ok((await all(events(stream))).length > 0, 'the stream has ended');
      assert.equal((await service.ended('own')).status, 'SUCCESS');
      assert.equal((await service.get('/v1/jobs/own')).json.attempts, 2);
      assert.equal((await service.get('/v1/jobs/terminal')).json.interrupted, true);
    } finally {
      await service.close();
    }
  });
});

it('a service forgets jobs that ended long ago, as its settings say', async () => {
  const service = await new TestService().start();
  try {
    for (const id of ['one', 'two', 'three']) {
      const spec = { folder: service.folderOf(id), parts: 3 };
      await service.post('/v1/jobs', { kind: 'counting', id, spec });
      await service.ended(id);
    }
    await service.restart({ history: { jobs: 1 } });
    await until(async () => (await service.get('/v1/jobs')).json.jobs.length === 1);
    assert.equal((await service.get('/v1/jobs/three')).json.status, 'SUCCESS');
    assert.equal((await service.get('/v1/jobs/one')).status, 404);
  } finally {
    await service.close();
  }
});
