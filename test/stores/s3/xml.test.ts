import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePage } from '../../../src/stores/s3/list.ts';
import { decodeEntities, escapeXml, readXml, xmlCanHold, xmlFields } from '../../../src/stores/s3/xml.ts';
import fc from '../../property.ts';

const asked = { store: 's3://bucket', action: 'list' };

// As AWS documents ListObjectsV2.
const AWS = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>example-bucket</Name>
  <Prefix>photos/</Prefix>
  <KeyCount>3</KeyCount>
  <MaxKeys>3</MaxKeys>
  <EncodingType>url</EncodingType>
  <Delimiter>/</Delimiter>
  <IsTruncated>true</IsTruncated>
  <NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
  <Contents>
    <Key>photos/a+b%2Bc%C3%BC%01</Key>
    <LastModified>2009-10-12T17:50:30.000Z</LastModified>
    <ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag>
    <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>
    <Owner><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID><DisplayName>me</DisplayName></Owner>
    <Size>434234</Size>
    <StorageClass>STANDARD</StorageClass>
    <RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>
  </Contents>
  <Contents><Key>photos/x</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>"abc-2"</ETag><Size>0</Size></Contents>
  <CommonPrefixes><Prefix>photos/2006+%26/</Prefix></CommonPrefixes>
  <CommonPrefixes><Prefix>photos/2007/</Prefix></CommonPrefixes>
</ListBucketResult>`;

test('a page as AWS gives it', () => {
  assert.deepEqual(parsePage(AWS, asked), {
    objects: [
      {
        key: 'photos/a b+cü\u0001',
        modified: Date.UTC(2009, 9, 12, 17, 50, 30),
        etag: 'fba9dede5f27731c9771645a39863328',
        md5: 'fba9dede5f27731c9771645a39863328',
        size: 434234,
        storageClass: 'STANDARD',
      },
      { key: 'photos/x', modified: Date.UTC(2009, 9, 12, 17, 50, 30), etag: 'abc-2', size: 0 },
    ],
    prefixes: ['photos/2006 &/', 'photos/2007/'],
    next: '1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=',
  });
});

test('a store that does not encode keys is read as it writes', () => {
  const page = parsePage(
    '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+b%41&amp;&lt;&#10;&#x1F600;</Key><Size>1</Size></Contents></ListBucketResult>',
    asked,
  );
  assert.deepEqual(page, { objects: [{ key: 'a+b%41&<\n😀', size: 1 }], prefixes: [], next: undefined });
});

test('an empty listing', () => {
  const empty =
    '<?xml version="1.0"?><ListBucketResult xmlns="x"><Name>b</Name><Prefix/><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>';
  assert.deepEqual(parsePage(empty, asked), { objects: [], prefixes: [], next: undefined });
});

test('no part of a listing is taken for the whole', () => {
  for (let end = 0; end < AWS.length; end++) {
    assert.throws(() => parsePage(AWS.slice(0, end), asked), { code: 'PROTOCOL', retryable: true }, `${end}`);
  }
});

test('what is no listing is refused', () => {
  for (const text of [
    '<html><body>hello</body></html>',
    'hello',
    '',
    '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
    '<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>',
    '<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>',
    '<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%FF</Key><Size>1</Size></Contents></ListBucketResult>',
  ]) {
    assert.throws(() => parsePage(text, asked), { code: 'PROTOCOL' }, text);
  }
});

test('text survives being written and read', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed() && xmlCanHold(text)),
      (text) => {
        assert.deepEqual(xmlFields(`<a><b>${escapeXml(text)}</b><c/></a>`), { b: text, c: '' });
      },
    ),
  );
});

test('entities', () => {
  assert.equal(decodeEntities('&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&nope;'), '<>&"\'AB&nope;');
});

test('broken documents are refused', () => {
  for (const text of ['<a><b>x</b>', '<a></a></b>', '<a', '<a>', '', 'text']) {
    assert.throws(() => readXml(text, { leaf() {} }), Error, text);
  }
});
