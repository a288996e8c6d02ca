import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stageOf } from '../../../src/lake/export/order.ts';

test('data comes first, what commits a table after it, markers last', () => {
  const expected = {
    'a/part-0.parquet': 'data',
    'a/_delta_log/00000000000000000000.json': 'metadata',
    '_delta_log/_last_checkpoint': 'metadata',
    'a/_delta_log/_sidecars/x.parquet': 'metadata',
    'my_delta_log/x.json': 'data',
    'my_delta_log/t/_delta_log/00000000000000000000.json': 'metadata',
    'ice_metadata/t/metadata/v1.metadata.json': 'metadata',
    'ice/metadata/v1.metadata.json': 'metadata',
    'ice/metadata/00001-abc.metadata.json': 'metadata',
    'ice/metadata/snap-1.avro': 'metadata',
    'ice/metadata/version-hint.text': 'metadata',
    'photos/metadata/picture.jpg': 'data',
    'hudi/.hoodie/2024.commit': 'metadata',
    'a/_SUCCESS': 'markers',
    _SUCCESS: 'markers',
    'a/_committed_123': 'markers',
    'a/_SUCCESSFUL': 'data',
  };
  for (const [path, stage] of Object.entries(expected)) assert.equal(stageOf(path), stage, path);
});
