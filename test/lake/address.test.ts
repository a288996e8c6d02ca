import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lakeUri, parseLakeUri, parsePhysicalAddress } from '../../src/lake/client/address.ts';

describe('an address in a lake', () => {
  it('is repository, ref and a path that nothing is decoded in', () => {
    assert.deepEqual(parseLakeUri('lakefs://repo/main/a b/%41?#é/'), {
      repository: 'repo',
      ref: 'main',
      path: 'a b/%41?#é/',
    });
    for (const ref of [
      'v1',
      'main~2',
      'main^1',
      'main@',
      '5d627eaf45b5',
      '_x-y',
      'v1.2',
      'v1.2~1',
      'r+1',
      'x%y',
      'ü',
    ])
      assert.deepEqual(parseLakeUri(`lakefs://repo/${ref}`), { repository: 'repo', ref, path: '' });
    assert.equal(parseLakeUri('LAKEFS://repo/main/').path, '');
    assert.equal(lakeUri(parseLakeUri('lakefs://repo/main/a/b')), 'lakefs://repo/main/a/b');
  });

  it('is refused with a sentence that says what is missing', () => {
    const cases: [string, RegExp][] = [
      ['s3://bucket/key', /must look like lakefs:/],
      ['lakefs://', /repository is missing/],
      ['lakefs://repo', /ref is missing.*lakefs:\/\/repo\/main/],
      ['lakefs://repo//path', /ref is missing/],
      ['lakefs://re_po/main', /"re_po" is no repository's name/],
      ['lakefs://repo/-main/x', /"-main" is no ref/],
      ['lakefs://repo/a b/x', /"a b" is no ref/],
      ['lakefs://repo/../x', /"\.\." is no ref/],
      ['lakefs://repo/v1..v2/x', /"v1\.\.v2" is no ref/],
      ['lakefs://repo/v?/x', /"v\?" is no ref/],
    ];
    for (const [uri, message] of cases)
      assert.throws(() => parseLakeUri(uri), { code: 'BAD_URI', message }, uri);
  });
});

describe('a physical address', () => {
  it('names the object store, what holds the object, its key, and what opens it', () => {
    assert.deepEqual(parsePhysicalAddress('s3://bucket/ns/data/a b%41'), {
      kind: 's3',
      container: 'bucket',
      key: 'ns/data/a b%41',
      uri: 's3://bucket/ns/data/a b%41',
    });
    assert.equal(parsePhysicalAddress('gs://bucket/key')?.kind, 'gcs');
    const azure = parsePhysicalAddress('https://acc.blob.core.windows.net/cont/ns/key');
    assert.deepEqual([azure?.kind, azure?.container, azure?.key], ['azure', 'acc/cont', 'ns/key']);
    assert.equal(parsePhysicalAddress('https://acc.blob.core.chinacloudapi.cn/cont/key')?.kind, 'azure');
    const local = parsePhysicalAddress('local:///var/lake/repo/data/x');
    assert.deepEqual([local?.kind, local?.uri], ['file', '/var/lake/repo/data/x']);
    assert.equal(parsePhysicalAddress('mem://x/y'), undefined);
  });
});
