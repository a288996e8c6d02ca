import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../../src/jobs/state/postgres-address.ts';
import { insertRows, toPostgres, toPostgresTables } from '../../../src/jobs/state/postgres-dialect.ts';

describe('the address of a state in PostgreSQL', () => {
  it('is read as libpq reads it', () => {
    const full = parseAddress('postgresql://me:p%40s%3As%2F@db.example.com:6543/jobs%20here?schema=own');
    assert.deepEqual(full, {
      host: 'db.example.com',
      port: 6543,
      user: 'me',
      password: 'p@s:s/',
      database: 'jobs here',
      ssl: false,
      schema: 'own',
      name: 'postgres://me@db.example.com:6543/jobs here',
    });
    assert.equal(parseAddress('postgres:///jobs?host=/run/postgresql&user=me').host, '/run/postgresql');
    assert.equal(parseAddress('postgres://[::1]:5432/jobs').host, '::1');
    assert.equal(parseAddress('postgres://h/jobs').schema, 'sluice');
    const required = parseAddress('postgres://h/jobs?sslmode=require').ssl;
    assert.deepEqual(required, { rejectUnauthorized: false });
    assert.deepEqual(parseAddress('postgres://h/jobs?sslmode=verify-full').ssl, { servername: 'h' });
  });

  it('is refused with a reason that quotes none of it', () => {
    for (const [address, why] of [
      ['postgres://me:secret@h:port/db', /port that is a number/],
      ['postgres://me:secret@a,b/db', /one host/],
      ['postgres://me:secret%@h/db', /%25/],
      ['postgres://me:secret@h/db?schema=A-b', /schema/],
      ['postgres://me:secret@h/db?sslmode=prefer', /sslmode/],
      ['postgres://me:secret@h/db?ssl=true', /not known here: ssl /],
      ['postgres://me:secret@h/db?sslmode=verify-ca&sslrootcert=/none.crt', /none\.crt/],
    ] as const) {
      assert.throws(
        () => parseAddress(address),
        (error: Error & { code: string }) => {
          assert.equal(error.code, 'BAD_CONFIG');
          assert.match(error.message, why);
          assert.ok(!error.message.includes('secret'), error.message);
          return true;
        },
      );
    }
  });
});

describe("SQL in PostgreSQL's words", () => {
  it('numbers values, and leaves texts and names alone', () => {
    assert.equal(
      toPostgres(`SELECT '?' AS "a?", 'it''s ?' FROM t INDEXED BY i WHERE a = ? AND b LIKE ? ESCAPE '!'`),
      `SELECT '?' AS "a?", 'it''s ?' FROM t WHERE a = $1 AND b LIKE $2 ESCAPE '!'`,
    );
  });

  it('inserts many rows at once, and only where one statement does it', () => {
    const rows = Array.from({ length: 501 }, (_, i) => [i, `r${i}`]);
    const inserts = insertRows('INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO NOTHING', rows)!;
    assert.deepEqual(
      inserts.map(({ values }) => values.length),
      [1000, 2],
    );
    assert.equal(inserts[1]!.sql, 'INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO NOTHING');
    assert.deepEqual(inserts[1]!.values, [500, 'r500']);
    assert.equal(insertRows('UPDATE t SET a = ?', [[1]]), undefined);
  });

  it('makes tables that compare text byte by byte', () => {
    assert.equal(
      toPostgresTables(
        'CREATE TABLE t (seq INTEGER PRIMARY KEY AUTOINCREMENT, -- of all\n id TEXT NOT NULL, n INTEGER) STRICT, WITHOUT ROWID;',
      ),
      'CREATE TABLE t (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \n id TEXT COLLATE "C" NOT NULL, n BIGINT);',
    );
  });
});
