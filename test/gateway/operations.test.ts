import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { Tokens } from '../../src/gateway/tokens.ts';
import { ALL, type Ask, encode, send, startGateway } from './client.ts';

const gateway = await startGateway({ schemes: { other: 'gs' }, clients: [ALL] });
const virtual = await startGateway({ domains: ['s3.example.test'] });
after(() => Promise.all([gateway.close(), virtual.close()]));
const { store } = gateway;
const ask = gateway.send;

beforeEach(async () => {
  const keys: string[] = [];
  for await (const page of store.list()) keys.push(...page.objects.map(({ key }) => key));
  await store.deleteMany(keys);
});

const put = (key: string, body = key, more: Ask = {}) =>
  ask({ method: 'PUT', path: `/bucket/${key.split('/').map(encode).join('/')}`, body, ...more });
const all = (text: string, name: string): string[] =>
  [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((match) => match[1]!);
const field = (text: string, name: string): string | undefined => all(text, name)[0];

describe('GetObject and HeadObject', () => {
  it('give what was put, with its properties', async () => {
    const headers = {
      'content-type': 'text/x; charset=utf-8',
      'content-encoding': 'gzip',
      'content-disposition': 'attachment; filename="a b"',
      'content-language': 'de',
      'cache-control': 'max-age=1',
      'x-amz-meta-One': 'first value',
    };
    const { headers: answered } = await put('a', 'content', { headers });
    assert.match(answered.etag!, /^"[0-9a-f]{32}"$/);
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask({ method, path: '/bucket/a' });
      assert.equal(answer.status, 200);
      assert.equal(answer.text, method === 'GET' ? 'content' : '');
      assert.equal(answer.headers['content-length'], '7');
      assert.equal(answer.headers.etag, answered.etag);
      assert.equal(answer.headers['x-amz-meta-one'], 'first value');
      assert.equal(answer.headers['accept-ranges'], 'bytes');
      assert.ok(Date.parse(answer.headers['last-modified']!) > Date.now() - 60_000);
      for (const name of [
        'content-type',
        'content-encoding',
        'content-disposition',
        'content-language',
        'cache-control',
      ] as const) {
        assert.equal(answer.headers[name], headers[name]);
      }
    }
  });

  it('give ranges', async () => {
    await put('r', '0123456789');
    for (const [range, status, text, shown] of [
      ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
      ['bytes=8-', 206, '89', 'bytes 8-9/10'],
      ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=-100', 206, '0123456789', 'bytes 0-9/10'],
      ['bytes=0-1,3-4', 200, '0123456789', undefined],
      ['bytes=5-2', 200, '0123456789', undefined],
      ['lines=1-2', 200, '0123456789', undefined],
    ] as const) {
      const answer = await ask({ path: '/bucket/r', headers: { range } });
      assert.deepEqual(
        [answer.status, answer.text, answer.headers['content-range']],
        [status, text, shown],
        range,
      );
      const head = await ask({ method: 'HEAD', path: '/bucket/r', headers: { range } });
      assert.deepEqual([head.status, head.headers['content-length']], [status, String(text.length)], range);
    }
    const beyond = await ask({ path: '/bucket/r', headers: { range: 'bytes=10-' } });
    assert.deepEqual([beyond.status, beyond.code], [416, 'InvalidRange']);
    const part = await ask({ path: '/bucket/r', query: { partNumber: '2' } });
    assert.deepEqual([part.status, part.code], [416, 'InvalidPartNumber']);
  });

  it('look at conditions', async () => {
    const { headers } = await put('c', 'x');
    const etag = headers.etag!;
    const past = new Date(Date.now() - 3_600_000).toUTCString();
    const future = new Date(Date.now() + 3_600_000).toUTCString();
    for (const [conditions, status] of [
      [{ 'if-match': etag }, 200],
      [{ 'if-match': '*' }, 200],
      [{ 'if-match': `"no", ${etag}` }, 200],
      [{ 'if-match': '"no"' }, 412],
      [{ 'if-none-match': etag }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': '"no"' }, 200],
      [{ 'if-modified-since': future }, 304],
      [{ 'if-modified-since': past }, 200],
      [{ 'if-unmodified-since': past }, 412],
      [{ 'if-unmodified-since': future }, 200],
      [{ 'if-match': etag, 'if-unmodified-since': past }, 200],
      [{ 'if-none-match': '"no"', 'if-modified-since': future }, 200],
      [{ 'if-modified-since': 'yesterday' }, 200],
    ] as const) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask({ method, path: '/bucket/c', headers: { ...conditions } });
        assert.equal(answer.status, status, `${method} ${JSON.stringify(conditions)}`);
        if (status === 304) assert.equal(answer.headers.etag, etag);
      }
    }
  });

  it('say what is not there', async () => {
    const answer = await ask({ path: '/bucket/none%3C' });
    assert.deepEqual([answer.status, answer.code], [404, 'NoSuchKey']);
    assert.equal(field(answer.text, 'Resource'), '/bucket/none%3C');
    assert.equal(field(answer.text, 'RequestId'), answer.headers['x-amz-request-id']);
    assert.deepEqual((await ask({ method: 'HEAD', path: '/bucket/none' })).status, 404);
    const bucket = await ask({ path: '/nowhere/key' });
    assert.deepEqual([bucket.status, bucket.code], [404, 'NoSuchBucket']);
  });
});

describe('PutObject', () => {
  it('looks at conditions', async () => {
    const none = { headers: { 'if-none-match': '*' } };
    const first = await put('p', '1', none);
    assert.equal(first.status, 200);
    assert.deepEqual((await put('p', '2', none)).code, 'PreconditionFailed');
    assert.equal((await put('p', '2', { headers: { 'if-match': '"no"' } })).status, 412);
    assert.equal((await put('p', '2', { headers: { 'if-match': first.headers.etag! } })).status, 200);
    assert.equal((await put('p', '3', { headers: { 'if-none-match': '"x"' } })).status, 501);
    assert.equal((await ask({ path: '/bucket/p' })).text, '2');
  });

  it('keeps directory markers', async () => {
    assert.equal((await put('folder/', '')).status, 200);
    assert.equal((await ask({ path: '/bucket/folder/' })).headers['content-length'], '0');
  });

  it('refuses what it would have to drop', async () => {
    for (const [name, value] of [
      ['x-amz-tagging', 'a=b'],
      ['x-amz-server-side-encryption', 'AES256'],
      ['x-amz-server-side-encryption-customer-algorithm', 'AES256'],
      ['x-amz-object-lock-mode', 'COMPLIANCE'],
      ['x-amz-acl', 'public-read'],
      ['x-amz-write-offset-bytes', '10'],
    ] as const) {
      const answer = await put('dropped', 'x', { headers: { [name]: value } });
      assert.deepEqual([answer.status, answer.code], [501, 'NotImplemented'], name);
    }
    await assert.rejects(store.head('dropped'), { code: 'NOT_FOUND' });
    assert.equal(
      (await put('plain', 'x', { headers: { 'x-amz-acl': 'bucket-owner-full-control' } })).status,
      200,
    );
  });
});

describe('listings', () => {
  const KEYS = ['a', 'b/1', 'b/2', 'b/3/x', 'c d+e&<f>', 'd/', 'd/😀', 'e\ufffd'];
  const fill = () => Promise.all(KEYS.map((key) => store.put(key, Buffer.from(key))));

  it('give keys, sizes and prefixes, in both versions', async () => {
    await fill();
    const v2 = await ask({ path: '/bucket', query: { 'list-type': '2', delimiter: '/' } });
    assert.deepEqual(all(v2.text, 'Key'), ['a', 'c d+e&amp;&lt;f&gt;', 'e\ufffd']);
    assert.deepEqual(all(v2.text, 'Prefix').filter(Boolean), ['b/', 'd/']);
    assert.deepEqual([field(v2.text, 'KeyCount'), field(v2.text, 'IsTruncated')], ['5', 'false']);
    assert.equal(field(v2.text, 'Size'), '1');
    assert.ok(!v2.text.includes('<Owner>'));
    const owner = await ask({ path: '/bucket', query: { 'list-type': '2', 'fetch-owner': 'true' } });
    assert.ok(owner.text.includes('<Owner>'));
    const v1 = await ask({ path: '/bucket', query: { prefix: 'b/', marker: 'b/1' } });
    assert.deepEqual(all(v1.text, 'Key'), ['b/2', 'b/3/x']);
    const url = await ask({ path: '/bucket', query: { 'encoding-type': 'url', prefix: 'c ' } });
    assert.equal(field(url.text, 'Key'), 'c%20d%2Be%26%3Cf%3E');
    assert.equal(field(url.text, 'Prefix'), 'c%20');
    const after = await ask({ path: '/bucket', query: { 'list-type': '2', 'start-after': 'd/' } });
    assert.deepEqual(all(after.text, 'Key'), ['d/😀', 'e\ufffd']);
  });

  for (const version of ['1', '2']) {
    for (const delimiter of ['', '/']) {
      for (const size of ['1', '2', '3', '7', '8']) {
        it(`of version ${version} add up in pages of ${size} with delimiter "${delimiter}"`, async () => {
          await fill();
          const seen: string[] = [];
          const query: Record<string, string> = { 'max-keys': size, delimiter };
          if (version === '2') query['list-type'] = '2';
          for (let page = 0; page < 10; page++) {
            const { text } = await ask({ path: '/bucket', query });
            const entries = [...all(text, 'Key'), ...all(text.replace(/^.*?<\/Prefix>/s, ''), 'Prefix')];
            assert.ok(entries.length <= Number(size));
            seen.push(...entries);
            if (field(text, 'IsTruncated') === 'false') break;
            assert.ok(entries.length > 0);
            if (version === '2') query['continuation-token'] = field(text, 'NextContinuationToken')!;
            else
              query.marker = field(text, 'NextMarker')!
                .replaceAll('&amp;', '&')
                .replaceAll('&lt;', '<')
                .replaceAll('&gt;', '>');
          }
          const due = delimiter === '' ? KEYS.length : 5;
          assert.equal(seen.length, due, seen.join(' '));
          assert.equal(new Set(seen).size, due);
        });
      }
    }
  }

  it('take only tokens of their own', async () => {
    await fill();
    const first = await ask({ path: '/bucket', query: { 'list-type': '2', 'max-keys': '1' } });
    const token = field(first.text, 'NextContinuationToken')!;
    const forged = new Tokens('guess', []).seal(['list', 's3a', 'bucket', '', ''], 'z');
    const wrong: Record<string, string>[] = [
      { 'continuation-token': forged },
      { 'continuation-token': `${token}x` },
      { 'continuation-token': token, prefix: 'b' },
      { 'continuation-token': '' },
    ];
    for (const query of wrong) {
      const answer = await ask({ path: '/bucket', query: { 'list-type': '2', ...query } });
      assert.deepEqual([answer.status, answer.code], [400, 'InvalidArgument']);
    }
    // Another replica with the same configuration goes on.
    const replica = await startGateway();
    after(() => replica.close());
    await replica.store.put('b', Buffer.from('b'));
    const next = await replica.send({
      path: '/bucket',
      query: { 'list-type': '2', 'continuation-token': token },
    });
    assert.deepEqual(all(next.text, 'Key'), ['b']);
  });

  it('refuse what makes no sense, and give nothing for max-keys=0', async () => {
    await fill();
    const wrong: Record<string, string>[] = [
      { 'max-keys': '-1' },
      { 'max-keys': 'x' },
      { 'encoding-type': 'base64' },
    ];
    for (const query of wrong) {
      assert.equal((await ask({ path: '/bucket', query })).code, 'InvalidArgument');
    }
    const none = await ask({ path: '/bucket', query: { 'max-keys': '0' } });
    assert.deepEqual([all(none.text, 'Key'), field(none.text, 'IsTruncated')], [[], 'false']);
  });
});

describe('copies', () => {
  it('take over properties, or replace them', async () => {
    await put('from a+b', 'bytes', {
      headers: { 'content-type': 'text/x', 'x-amz-meta-a': '1', 'cache-control': 'no-store' },
    });
    const copy = (headers: Record<string, string>, path = '/bucket/to') =>
      ask({ method: 'PUT', path, headers: { 'x-amz-copy-source': '/bucket/from%20a%2Bb', ...headers } });
    const plain = await copy({});
    assert.equal(plain.status, 200, plain.text);
    assert.match(plain.text, /<CopyObjectResult.*<ETag>&quot;[0-9a-f]{32}&quot;<\/ETag>/);
    assert.deepEqual((await store.head('to')).metadata, { a: '1' });
    await copy({ 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-b': '2', 'content-type': 'text/y' });
    const info = await store.head('to');
    assert.deepEqual([info.metadata, info.contentType, info.cacheControl], [{ b: '2' }, 'text/y', undefined]);
    assert.equal((await copy({}, '/bucket/from%20a%2Bb')).code, 'InvalidRequest');
    assert.equal((await copy({ 'x-amz-metadata-directive': 'REPLACE' }, '/bucket/from%20a%2Bb')).status, 200);
    assert.equal((await copy({ 'x-amz-copy-source': 'bucket/none' })).code, 'NoSuchKey');
    assert.equal((await copy({ 'x-amz-copy-source': 'bucket' })).code, 'InvalidArgument');
  });

  it('look at conditions of the source', async () => {
    const { headers } = await put('s', 'x');
    for (const [name, value, status] of [
      ['if-match', headers.etag!, 200],
      ['if-match', '"no"', 412],
      ['if-none-match', headers.etag!, 412],
      ['if-modified-since', new Date(Date.now() + 3_600_000).toUTCString(), 412],
      ['if-unmodified-since', new Date(0).toUTCString(), 412],
    ] as const) {
      const answer = await ask({
        method: 'PUT',
        path: '/bucket/t',
        headers: { 'x-amz-copy-source': '/bucket/s', [`x-amz-copy-source-${name}`]: value },
      });
      assert.equal(answer.status, status, name);
    }
  });
});

describe('deletes', () => {
  it('one, many, and what was not there', async () => {
    await put('x');
    assert.equal((await ask({ method: 'DELETE', path: '/bucket/x' })).status, 204);
    assert.equal((await ask({ method: 'DELETE', path: '/bucket/x' })).status, 204);
    for (const key of ['1', '2 & <3>', '4']) await put(key);
    const body =
      '<Delete><Object><Key>1</Key></Object><Object><Key>2 &amp; &lt;3&gt;</Key></Object><Object><Key>none</Key></Object></Delete>';
    const answer = await ask({ method: 'POST', path: '/bucket', query: { delete: '' }, body });
    assert.deepEqual(all(answer.text, 'Key'), ['1', '2 &amp; &lt;3&gt;', 'none']);
    const quiet = '<Delete><Quiet>true</Quiet><Object><Key>4</Key></Object></Delete>';
    const silent = await ask({ method: 'POST', path: '/bucket', query: { delete: '' }, body: quiet });
    assert.deepEqual([silent.status, all(silent.text, 'Key')], [200, []]);
    for await (const page of store.list()) assert.deepEqual(page.objects, []);
  });
});

describe('multipart uploads', () => {
  const create = async (key: string): Promise<string> => {
    const answer = await ask({
      method: 'POST',
      path: `/bucket/${key}`,
      query: { uploads: '' },
      headers: { 'content-type': 'text/m' },
    });
    return field(answer.text, 'UploadId')!;
  };
  const part = (key: string, uploadId: string, partNumber: number, body: string) =>
    ask({ method: 'PUT', path: `/bucket/${key}`, query: { uploadId, partNumber: String(partNumber) }, body });
  const complete = (key: string, uploadId: string, parts: [number, string][], headers = {}) =>
    ask({
      method: 'POST',
      path: `/bucket/${key}`,
      query: { uploadId },
      headers,
      body: `<CompleteMultipartUpload>${parts.map(([n, etag]) => `<Part><PartNumber>${n}</PartNumber><ETag>${etag}</ETag></Part>`).join('')}</CompleteMultipartUpload>`,
    });

  it('put parts together, also copied ones', async () => {
    await put('source', '0123456789');
    const id = await create('m');
    const two = await part('m', id, 2, 'second');
    const one = await part('m', id, 1, 'first');
    const copied = await ask({
      method: 'PUT',
      path: '/bucket/m',
      query: { uploadId: id, partNumber: '3' },
      headers: { 'x-amz-copy-source': '/bucket/source', 'x-amz-copy-source-range': 'bytes=2-4' },
    });
    assert.equal(copied.status, 200, copied.text);
    const listed = await ask({ path: '/bucket/m', query: { uploadId: id, 'max-parts': '2' } });
    assert.deepEqual(
      [all(listed.text, 'PartNumber'), all(listed.text, 'Size')],
      [
        ['1', '2'],
        ['5', '6'],
      ],
    );
    assert.deepEqual(
      [field(listed.text, 'IsTruncated'), field(listed.text, 'NextPartNumberMarker')],
      ['true', '2'],
    );
    const uploads = await ask({ path: '/bucket', query: { uploads: '', prefix: 'm' } });
    assert.deepEqual(all(uploads.text, 'UploadId'), [id]);
    const tag = field(copied.text, 'ETag')!.replaceAll('&quot;', '"');
    const done = await complete('m', id, [
      [1, one.headers.etag!],
      [2, two.headers.etag!],
      [3, tag],
    ]);
    assert.equal(done.status, 200, done.text);
    assert.match(field(done.text, 'ETag')!, /^&quot;[0-9a-f]{32}-3&quot;$/);
    const got = await ask({ path: '/bucket/m' });
    assert.deepEqual([got.text, got.headers['content-type']], ['firstsecond234', 'text/m']);
    assert.equal((await part('m', id, 1, 'late')).code, 'NoSuchUpload');
  });

  it('refuse ids that were not given for this key, and lists that are wrong', async () => {
    const id = await create('k');
    assert.equal((await part('l', id, 1, 'x')).code, 'NoSuchUpload');
    assert.equal((await part('k', `${id}A`, 1, 'x')).code, 'NoSuchUpload');
    assert.equal((await part('k', 'x', 1, 'x')).code, 'NoSuchUpload');
    for (const number of [0, 10_001])
      assert.equal((await part('k', id, number, 'x')).code, 'InvalidArgument');
    const { headers } = await part('k', id, 1, 'five!');
    const tag = headers.etag!;
    assert.equal(
      (
        await complete('k', id, [
          [2, tag],
          [1, tag],
        ])
      ).code,
      'InvalidPartOrder',
    );
    assert.equal((await complete('k', id, [[1, '"no"']])).code, 'InvalidPart');
    assert.equal((await complete('k', id, [])).code, 'MalformedXML');
    await put('k', 'there');
    assert.equal((await complete('k', id, [[1, tag]], { 'if-none-match': '*' })).code, 'PreconditionFailed');
    assert.equal((await ask({ method: 'DELETE', path: '/bucket/k', query: { uploadId: id } })).status, 204);
    assert.equal((await ask({ path: '/bucket/k', query: { uploadId: id } })).code, 'NoSuchUpload');
  });
});

describe('buckets and settings', () => {
  it('are listed, found and located', async () => {
    const answer = await ask({ path: '/' });
    assert.deepEqual(all(answer.text, 'Name'), ['bucket', 'other']);
    assert.equal((await ask({ method: 'HEAD', path: '/bucket' })).status, 200);
    assert.equal((await ask({ method: 'HEAD', path: '/nowhere' })).status, 404);
    assert.match(
      (await ask({ path: '/bucket', query: { location: '' } })).text,
      /<LocationConstraint [^>]*><\/LocationConstraint>/,
    );
    assert.equal((await ask({ method: 'PUT', path: '/bucket' })).code, 'BucketAlreadyOwnedByYou');
    assert.equal((await ask({ method: 'PUT', path: '/nowhere' })).code, 'NoSuchBucket');
    assert.equal((await ask({ method: 'DELETE', path: '/bucket' })).code, 'NotImplemented');
    assert.equal((await ask({ method: 'PATCH', path: '/bucket' })).code, 'MethodNotAllowed');
  });

  it('are as in a bucket that nobody set up', async () => {
    await put('o');
    for (const [path, query, status, found] of [
      ['/bucket', 'versioning', 200, '<VersioningConfiguration'],
      ['/bucket', 'acl', 200, 'FULL_CONTROL'],
      ['/bucket', 'policy', 404, 'NoSuchBucketPolicy'],
      ['/bucket', 'lifecycle', 404, 'NoSuchLifecycleConfiguration'],
      ['/bucket', 'encryption', 404, 'ServerSideEncryptionConfigurationNotFoundError'],
      ['/bucket', 'tagging', 404, 'NoSuchTagSet'],
      ['/bucket', 'cors', 404, 'NoSuchCORSConfiguration'],
      ['/bucket', 'object-lock', 404, 'ObjectLockConfigurationNotFoundError'],
      ['/bucket', 'versions', 501, 'NotImplemented'],
      ['/bucket/o', 'tagging', 200, '<TagSet></TagSet>'],
      ['/bucket/o', 'acl', 200, 'FULL_CONTROL'],
      ['/bucket/none', 'tagging', 404, 'NoSuchKey'],
      ['/bucket/o', 'torrent', 501, 'NotImplemented'],
      ['/nowhere', 'versioning', 404, 'NoSuchBucket'],
    ] as const) {
      const answer = await ask({ path, query: { [query]: '' } });
      assert.equal(answer.status, status, `${path}?${query}`);
      assert.ok(answer.text.includes(found), answer.text);
    }
    for (const query of ['tagging', 'acl', 'policy', 'versioning']) {
      const answer = await ask({ method: 'PUT', path: '/bucket/o', query: { [query]: '' }, body: '<x/>' });
      assert.equal(answer.code, 'NotImplemented', query);
    }
    assert.equal((await ask({ path: '/bucket/o' })).text, 'o');
  });

  it('are reached by virtual-host style too', async () => {
    await virtual.store.put('k', Buffer.from('virtual'));
    const headers = { host: `bucket.s3.example.test:${virtual.port}` };
    assert.equal((await send(virtual.port, { path: '/k', headers })).text, 'virtual');
    const listed = await send(virtual.port, { path: '/', headers });
    assert.deepEqual(all(listed.text, 'Key'), ['k']);
  });
});

describe('rights', () => {
  const rule = (prefix: string, rights: string) => ({
    prefix,
    read: rights.includes('r'),
    write: rights.includes('w'),
    delete: rights.includes('d'),
  });
  const reader = {
    name: 'reader',
    accessKey: 'AKR',
    secretKey: 'r',
    allow: [rule('s3a://bucket/in/', 'r'), rule('s3a://bucket/x/deep/', 'r')],
  };
  const writer = {
    name: 'writer',
    accessKey: 'AKW',
    secretKey: 'w',
    allow: [rule('s3a://bucket/out/', 'w'), rule('s3a://bucket/out/tmp/', 'd')],
  };

  it('hold for each prefix', async () => {
    const limited = await startGateway({ clients: [ALL, reader, writer] });
    after(() => limited.close());
    for (const key of ['in/1', 'in/2/3', 'inside', 'out/1', 'out/tmp/1', 'x/deep/1', 'x/other', 'y']) {
      await limited.store.put(key, Buffer.from(key));
    }
    const as = (key: Ask['key'], method: string, path: string, more: Ask = {}) =>
      limited.send({ key, method, path, ...more });
    for (const [who, method, path, status] of [
      [reader, 'GET', '/bucket/in/1', 200],
      [reader, 'HEAD', '/bucket/in/1', 200],
      [reader, 'GET', '/bucket/inside', 403],
      [reader, 'PUT', '/bucket/in/1', 403],
      [reader, 'DELETE', '/bucket/in/1', 403],
      [reader, 'GET', '/other/in/1', 403],
      [writer, 'GET', '/bucket/out/1', 403],
      [writer, 'PUT', '/bucket/out/2', 200],
      [writer, 'DELETE', '/bucket/out/2', 403],
      [writer, 'DELETE', '/bucket/out/tmp/1', 204],
      [writer, 'GET', '/bucket', 403],
    ] as const) {
      assert.equal((await as(who, method, path)).status, status, `${who.name} ${method} ${path}`);
    }
    const source = { headers: { 'x-amz-copy-source': '/bucket/y' } };
    assert.equal((await as(writer, 'PUT', '/bucket/out/copy', source)).status, 403);
    const body = '<Delete><Object><Key>out/1</Key></Object><Object><Key>out/tmp/2</Key></Object></Delete>';
    const many = await as(writer, 'POST', '/bucket', { query: { delete: '' }, body });
    assert.deepEqual(
      [all(many.text, 'Key'), all(many.text, 'Code')],
      [['out/1', 'out/tmp/2'], ['AccessDenied']],
    );
    assert.equal((await limited.store.head('out/1')).size, 5);

    const names = async (query: Record<string, string>) => {
      const { text } = await as(reader, 'GET', '/bucket', { query });
      return [...all(text, 'Key'), ...all(text.replace(/^.*?<\/Prefix>/s, ''), 'Prefix')];
    };
    assert.deepEqual(await names({}), ['in/1', 'in/2/3', 'x/deep/1']);
    assert.deepEqual(await names({ delimiter: '/' }), ['in/', 'x/']);
    assert.deepEqual(await names({ delimiter: '/', prefix: 'in/' }), ['in/1', 'in/2/']);
    assert.deepEqual(await names({ delimiter: '/', prefix: 'x/' }), ['x/deep/']);
    assert.equal((await as(reader, 'GET', '/bucket', { query: { prefix: 'y' } })).status, 403);
    const paged: string[] = [];
    const query: Record<string, string> = { 'list-type': '2', 'max-keys': '1' };
    for (let i = 0; i < 5; i++) {
      const { text } = await as(reader, 'GET', '/bucket', { query });
      paged.push(...all(text, 'Key'));
      if (field(text, 'IsTruncated') === 'false') break;
      query['continuation-token'] = field(text, 'NextContinuationToken')!;
    }
    assert.deepEqual(paged, ['in/1', 'in/2/3', 'x/deep/1']);
    assert.deepEqual(all((await as(reader, 'GET', '/')).text, 'Name'), ['bucket']);
  });
});
