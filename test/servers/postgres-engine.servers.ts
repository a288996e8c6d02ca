import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import type { Engine } from '../../src/jobs/engine.ts';
import { openDatabase } from '../../src/jobs/state/open.ts';
import type { Schema } from '../../src/jobs/state/sql.ts';
import { engineContract } from '../contracts/engine.ts';
import { type CountingSpec, letRun, notes } from '../support/counting-kind.ts';
import { engineUnderTest, testEngine } from '../support/local-engine.ts';
import { until } from '../support/until.ts';
import { PASSWORD, type PostgresServer, startPostgres } from './postgres.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server?.stop());

engineContract('local engine on PostgreSQL', () => engineUnderTest(server.state()));

describe('a state in PostgreSQL', () => {
  const withEngine = async (work: (folder: string, engine: Engine) => Promise<void>): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-postgres-'));
    const engine = await testEngine(server.state());
    try {
      await work(folder, engine);
    } finally {
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    }
  };
  const spec = (folder: string, parts: number): CountingSpec => ({
    folder,
    parts,
    batch: 20,
    delay: 5,
    gated: true,
  });
  const done = async (folder: string): Promise<number> => (await notes(folder, 'done')).length;
  const whole = async (folder: string, engine: Engine, id: string, parts: number): Promise<void> => {
    const ended = await engine.wait(id);
    assert.equal(ended.status, 'SUCCESS', ended.error?.message);
    assert.equal(ended.attempts, 1);
    assert.deepEqual(ended.progress.parts, { SUCCESS: parts });
    assert.deepEqual(ended.progress.counts, {
      plannedObjects: 2 * parts,
      objects: 2 * parts,
      bytes: 10 * parts,
    });
    const ran = (await notes<{ part: string }>(folder, 'done')).map((line) => line.part);
    assert.equal(new Set(ran).size, parts);
    assert.equal(ran.length, parts, 'nothing is done twice');
  };

  test('a job outlives connections that are cut, again and again', () =>
    withEngine(async (folder, engine) => {
      const { id } = await engine.submit('counting', spec(folder, 400));
      for (let cut = 0; cut < 8; cut++) {
        await letRun(folder, 50 * (cut + 1));
        await until(async () => (await done(folder)) > 50 * cut + 10);
        await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sluice'`);
      }
      await letRun(folder);
      await whole(folder, engine, id, 400);
    }));

  test('a job outlives a crash of the server', () =>
    withEngine(async (folder, engine) => {
      const { id } = await engine.submit('counting', spec(folder, 300));
      await letRun(folder, 150);
      await until(async () => (await done(folder)) > 30);
      await server.down();
      await server.up();
      await letRun(folder);
      await whole(folder, engine, id, 300);
    }));

  test('tells in a sentence what is wrong, and never the password', async () => {
    const good = server.state();
    const [from, to] = [encodeURIComponent(PASSWORD), encodeURIComponent(`${PASSWORD}x`)];
    const cases: [string, string, RegExp][] = [
      [good.replace(from, to), 'ACCESS_DENIED', /refuses to sign in.*--state/],
      [good.replace(`:${from}`, ''), 'ACCESS_DENIED', /refuses to sign in/],
      [good.replace('/sluice?', '/none?'), 'NOT_FOUND', /no such database/],
      [good.replace(`:${server.port}`, ':1'), 'UNAVAILABLE', /can't be reached/],
      [good.replace('schema=', 'schema=-'), 'BAD_CONFIG', /schema/],
      [`${good}&sslmode=perhaps`, 'BAD_CONFIG', /sslmode/],
      [`${good}&color=blue`, 'BAD_CONFIG', /color/],
      [`${good}&sslmode=verify-full`, 'ACCESS_DENIED', /certificate/],
      // Where no server of names can be asked, nobody knows that there is none.
      [good.replace('127.0.0.1', 'nowhere.invalid'), 'UNAVAILABLE', /no host|can't be reached/],
    ];
    for (const [state, code, said] of cases) {
      await assert.rejects(testEngine(state), (error) => {
        assert.ok(isError(error), String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, said);
        const all = `${error.message} ${error.stack} ${JSON.stringify(error)} ${JSON.stringify(error.cause ?? null)}`;
        for (const secret of [PASSWORD, from]) assert.ok(!all.includes(secret), all);
        return true;
      });
    }
  });

  test('speaks TLS, and looks at the certificate when it is to', async () => {
    const named = server.state().replace('127.0.0.1', 'localhost');
    for (const mode of ['require', `verify-full&sslrootcert=${server.certificate}`]) {
      const db = await openDatabase(`${named}&sslmode=${mode}`, probe([]));
      const row = await db.get('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      assert.deepEqual({ ...row }, { ssl: true }, mode);
      await db.close();
    }
    const other = `${server.state()}&sslmode=verify-full&sslrootcert=${server.certificate}`;
    await assert.rejects(openDatabase(other, probe([])), { code: 'ACCESS_DENIED', message: /certificate/ });
    await (await openDatabase(other.replace('verify-full', 'verify-ca'), probe([]))).close();
  });

  test('is brought to a newer version step by step, once, and refused by an older one', async () => {
    const state = server.state();
    const first = `CREATE TABLE things (id TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;`;
    const second = 'ALTER TABLE things ADD COLUMN color TEXT;';
    const old = await openDatabase(state, probe([first]));
    await old.run('INSERT INTO things (id, size) VALUES (?, ?)', 'a', 2 ** 40);
    const opened = await Promise.all(
      Array.from({ length: 5 }, () => openDatabase(state, probe([first, second]))),
    );
    assert.deepEqual(await opened[0]!.all('SELECT * FROM things'), [{ id: 'a', size: 2 ** 40, color: null }]);
    await assert.rejects(openDatabase(state, probe([first])), { code: 'CONFLICT', message: /newer Sluice/ });
    const broken = probe([first, second, 'CREATE TABLE more (id TEXT); CREATE TABLE things (id TEXT);']);
    await assert.rejects(openDatabase(state, broken));
    await (await openDatabase(state, probe([first, second]))).close();
    for (const db of [old, ...opened]) await db.close();
  });

  test('a change is made once, whatever breaks, and is all or nothing', async (t) => {
    const db = await openDatabase(
      server.state(),
      probe(['CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL);']),
    );
    t.after(() => db.close());
    for (const name of ['a', 'b']) await db.run('INSERT INTO counts (name, n) VALUES (?, 0)', name);
    let made = 0;
    let over = false;
    const cutting = (async () => {
      while (!over) {
        const before = made;
        await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sluice'`);
        // On a slow machine too, some change comes through between two cuts.
        await until(() => over || made > before, 7);
      }
    })();
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let i = 0; i < 50; i++) {
          await db.transaction(async (sql) => {
            // In turn in either order, so that they also meet each other's locks.
            const names = i % 2 === 0 ? ['a', 'b'] : ['b', 'a'];
            for (const name of names) await sql.run('UPDATE counts SET n = n + 1 WHERE name = ?', name);
          });
          made++;
        }
      }),
    ).finally(() => {
      over = true;
    });
    await cutting;
    assert.deepEqual(await db.all('SELECT name, n FROM counts ORDER BY name'), [
      { name: 'a', n: 200 },
      { name: 'b', n: 200 },
    ]);
    await assert.rejects(
      db.transaction(async (sql) => {
        await sql.run('UPDATE counts SET n = 0');
        throw new Error('no');
      }),
      /no/,
    );
    assert.deepEqual(await db.get(`SELECT n FROM counts WHERE name = 'a'`), { n: 200 });
  });
});

function probe(steps: string[]): Schema {
  return { name: 'probe', file: 'probe.db', steps };
}
