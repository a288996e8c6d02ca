import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { parseLakeExportSpec } from '../../src/lake/export/spec.ts';
import { settledUri } from '../../src/stores/folder.ts';
import { parseTableExportSpec } from '../../src/tables/export/spec.ts';
import { parseVectorExportSpec } from '../../src/vectors/export/spec.ts';
import { parseVectorImportSpec } from '../../src/vectors/import/spec.ts';

test("a folder's path in a spec does not hang on the folder that a job is resumed from", () => {
  const source = 'lakefs://repo/main';
  const lake = parseLakeExportSpec({ source, destination: './out/' });
  assert.equal(lake.destination, `${resolve('out')}/`);
  assert.deepEqual(parseLakeExportSpec(lake), lake);
  const tables = parseTableExportSpec({ source, target_base_location: 'tables' });
  assert.equal(tables.target_base_location, resolve('tables'));
  const weaviate = 'http://localhost:8080';
  const vectors = parseVectorExportSpec({ weaviate, id: 'x', destination: 'out', since: 'out/before' });
  assert.deepEqual([vectors.destination, vectors.since], [resolve('out'), resolve('out/before')]);
  const back = parseVectorImportSpec({ weaviate, id: 'x', source: '../out/x', reports: 'imports' });
  assert.deepEqual([back.source, back.reports], [resolve('../out/x'), resolve('imports')]);
});

test('other addresses stay as they are, mistyped ones too', () => {
  for (const uri of ['s3://b/k', 'file:///a/b', 'memory://m', 's3:/b', 's3//b', '', '/a/%41 b/'])
    assert.equal(settledUri(uri), uri);
});
