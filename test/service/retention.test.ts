import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { type SampleWeaviate, startSampleWeaviate } from '../../src/demo/vectors/server.ts';
import { placeOf } from '../../src/service/retention/place.ts';
import { type RetentionReport, retain } from '../../src/service/retention/retention.ts';
import { lakeConnection, TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

/** All files below a folder. */
function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();
}

const outcomes = ({ exports }: RetentionReport): string[] =>
  exports.map(({ uri, outcome }) => `${uri.split('/').at(-1)} ${outcome}`).sort();

describe('retention', () => {
  let lake: SampleLake;
  let weaviate: SampleWeaviate;
  const service = new TestService();
  const out = service.folderOf('out');
  before(async () => {
    weaviate = await startSampleWeaviate();
    lake = await createSampleLake({ repository: 'repo' });
    for (const name of ['a.txt', 'b ü.txt', 'deep/c.txt']) await lake.put('main', name, `content of ${name}`);
    await lake.commit('main', 'one');
    await service.start({
      connections: [lakeConnection(lake.server)],
      use: { 'lakefs://': 'lake' },
      schedules: [
        {
          name: 'each',
          cron: '0 0 1 1 *',
          keep: { last: 1 },
          job: {
            kind: 'lake-export',
            spec: {
              source: 'lakefs://repo/main',
              destination: join(service.folderOf('each'), '{date}/{time}'),
            },
          },
        },
      ],
    });
  });
  after(async () => {
    await service.close();
    await lake.close();
    weaviate.stop();
  });

  const run = async (kind: string, spec: object) => {
    const started = await service.post('/v1/jobs', { kind, spec });
    assert.equal(started.status, 202, started.text);
    const job = await service.ended(started.json.id);
    assert.equal(job.status, 'SUCCESS', job.error?.message);
  };
  const exportLake = (name: string) =>
    run('lake-export', { source: 'lakefs://repo/main', destination: join(out, 'lake', name) });
  const prune = async (folder: string, keep: object, dryRun = false) =>
    await retain(
      { place: { folder, levels: 1 }, keep, bySource: true, dryRun },
      { open: service.app.open, engine: await service.app.engine() },
    );

  it('deletes what Sluice wrote, and nothing else', async () => {
    for (const name of ['1', '2', '3']) await exportLake(name);
    const folder = join(out, 'lake');
    writeFileSync(join(folder, '1/foreign.txt'), 'from somebody else');
    writeFileSync(join(folder, '1/a.txt'), 'changed by somebody else');
    const before = files(folder);

    const dry = await prune(folder, { last: 1 }, true);
    assert.deepEqual(outcomes(dry), ['1 deleted', '2 deleted', '3 kept']);
    assert.deepEqual(files(folder), before, 'a dry run deletes nothing');

    const report = await prune(folder, { last: 1 });
    assert.deepEqual(outcomes(report), ['1 deleted', '2 deleted', '3 kept']);
    assert.deepEqual(files(join(folder, '1')), ['a.txt', 'foreign.txt']);
    assert.deepEqual(files(join(folder, '2')), []);
    assert.ok(files(join(folder, '3')).includes('deep/c.txt'));
    assert.deepEqual(outcomes(await prune(folder, { last: 1 })), ['3 kept']);
  });

  it('goes on with a removal that was cut off, and leaves alone what is not complete', async () => {
    const folder = join(out, 'lake');
    await exportLake('4');
    await exportLake('5');
    const state = join(folder, '4/_sluice/default/state.json');
    const stored = JSON.parse(readFileSync(state, 'utf8'));
    writeFileSync(
      join(folder, '4/_sluice/removing.json'),
      JSON.stringify([{ name: 'default', state: stored }]),
    );
    rmSync(state);
    rmSync(join(folder, '4/a.txt'));
    const open = join(folder, '3/_sluice/default/state.json');
    const { commit: _, ...pending } = JSON.parse(readFileSync(open, 'utf8'));
    writeFileSync(open, JSON.stringify({ ...pending, pending: ['some commit'] }));
    assert.deepEqual(outcomes(await prune(folder, { last: 1 })), ['3 left', '4 deleted', '5 kept']);
    assert.deepEqual(files(join(folder, '4')), []);
    assert.ok(existsSync(join(folder, '3/a.txt')));
  });

  it('keeps what an increment of vectors is based on, for as long as that is kept', async () => {
    const folder = join(out, 'vectors');
    const vectors = async (id: string, since?: string) => {
      await run('vector-export', {
        ...{ weaviate: weaviate.url, grpc: weaviate.grpc, destination: folder, id, include: ['Author'] },
        ...(since === undefined ? {} : { since: join(folder, since) }),
      });
    };
    await vectors('1-alone');
    await vectors('2-full');
    await vectors('3-more', '2-full');
    await vectors('4-more', '3-more');
    writeFileSync(join(folder, '1-alone/notes.txt'), 'from somebody else');
    const report = await prune(folder, { last: 1 });
    assert.deepEqual(outcomes(report), ['1-alone deleted', '2-full kept', '3-more kept', '4-more kept']);
    assert.match(report.exports.find(({ uri }) => uri.endsWith('2-full'))!.reason, /3-more needs it/);
    assert.deepEqual(files(join(folder, '1-alone')), ['notes.txt']);

    await vectors('5-full');
    assert.deepEqual(outcomes(await prune(folder, { last: 1 })), [
      '2-full deleted',
      '3-more deleted',
      '4-more deleted',
      '5-full kept',
    ]);
    assert.deepEqual(files(join(folder, '2-full')), []);
  });

  it('happens after each run of a schedule that says what it keeps', async () => {
    const exported = () => new Set(files(service.folderOf('each')).map((name) => name.slice(0, 17)));
    const dates: string[] = [];
    const now = () => new Date().toISOString().slice(0, 19).replace('T', '/').replace(/:/g, '');
    for (let i = 0; i < 2; i++) {
      // Each second has a folder of its own.
      await until(() => now() !== dates[0]);
      const { json: job } = await service.post('/v1/schedules/each/run');
      assert.equal((await service.ended(job.id)).status, 'SUCCESS');
      await until(async () => {
        const { last, retention } = (await service.get('/v1/schedules/each')).json;
        return last.status === 'SUCCESS' && retention?.kept === 1 && retention.deleted === i;
      });
      dates.push(job.spec.destination.slice(-17));
    }
    assert.deepEqual([...exported()], [dates[1]]);
    const audit = readFileSync(join(service.folder, 'state', 'audit.jsonl'), 'utf8');
    assert.match(
      audit,
      new RegExp(`"who":"schedule:each","what":"delete export","subject":"[^"]*${dates[0]}"`),
    );
    const asked = await service.post('/v1/schedules/each/prune', { dry_run: true });
    assert.equal(asked.status, 200, asked.text);
    assert.deepEqual([asked.json.kept, asked.json.deleted, asked.json.dryRun], [1, 0, true]);
    assert.equal((await service.post('/v1/schedules/each/prune')).status, 200);
  });
});

it('needs a folder of its own for each run', () => {
  const entry = (kind: string, spec: { [name: string]: string }) => ({
    ...{ name: 'Every Night', cron: '0 2 * * *', keep: { last: 1 }, job: { kind, spec } },
  });
  assert.throws(
    () => placeOf(entry('lake-export', { destination: 's3://b/x' })),
    /needs a destination with \{date\}/,
  );
  assert.throws(() => placeOf(entry('table-export', {})), /is for lake-export and vector-export/);
  assert.throws(
    () => placeOf(entry('lake-export', { destination: 's3://{date}' })),
    /folder or bucket before/,
  );
  const { folder, levels, match } = placeOf(entry('vector-export', { destination: 's3://b/v' }));
  assert.deepEqual([folder, levels], ['s3://b/v/', 1]);
  assert.ok(match!.test('every-night-2026-11-21-020304'));
  assert.ok(!match!.test('other-2026-11-21-020304'));
});
