import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import { parseRouting } from '../../src/router/load.ts';
import { checkRouting, translate } from '../../src/router/mapping.ts';
import { storeUri } from '../../src/router/targets.ts';

const load = (lines: string[]) => parseRouting(lines.join('\n'), 'routes.properties', {});

const S3A_DEFAULT = 'routerfs.default.fs.s3a=org.apache.hadoop.fs.s3a.S3AFileSystem';
const mapping = (group: string, index: number | string, replace: string, to: string): string[] => [
  `routerfs.mapping.${group}.${index}.replace=${replace}`,
  `routerfs.mapping.${group}.${index}.with=${to}`,
];

describe('grouped by source, as the released library has it', () => {
  const cases: { name: string; lines: string[]; uris: Record<string, string> }[] = [
    {
      name: 'prefixes that end with a slash',
      lines: mapping('s3a', 1, 's3a://bucket/', 'gcs://bar/'),
      uris: { 's3a://bucket/foo/a': 'gcs://bar/foo/a' },
    },
    {
      name: 'prefixes that do not are plain prefixes',
      lines: mapping('s3a', 1, 's3a://bucket/team', 'lakefs://example-repo/team'),
      uris: {
        's3a://bucket/team1/file1': 'lakefs://example-repo/team1/file1',
        's3a://bucket/team2/file2': 'lakefs://example-repo/team2/file2',
      },
    },
    {
      name: 'only the beginning is replaced',
      lines: mapping('s3a', 1, 's3a://bucket/', 'lakefs://example-repo/b1/'),
      uris: { 's3a://bucket/bucket/a.txt': 'lakefs://example-repo/b1/bucket/a.txt' },
    },
    {
      name: 'the lower index wins, even against a longer prefix, wherever it is written',
      lines: [
        ...mapping('s3a', 2, 's3a://bucket/foo/', 'lakefs://example-repo/b2/'),
        ...mapping('s3a', 1, 's3a://bucket/', 'lakefs://example-repo/b1/'),
      ],
      uris: { 's3a://bucket/foo/a.txt': 'lakefs://example-repo/b1/foo/a.txt' },
    },
    {
      name: 'indexes are numbers: 2 comes before 10',
      lines: [
        ...mapping('s3a', 10, 's3a://bucket/', 'lakefs://example-repo/b10/'),
        ...mapping('s3a', 2, 's3a://bucket/', 'lakefs://example-repo/b2/'),
      ],
      uris: { 's3a://bucket/a': 'lakefs://example-repo/b2/a' },
    },
    {
      name: 'two buckets, two targets',
      lines: [
        ...mapping('s3a', 1, 's3a://bucket1/', 'gcs://bucket1/'),
        ...mapping('s3a', 2, 's3a://bucket2/', 'lakefs://example-repo/b1/'),
      ],
      uris: {
        's3a://bucket1/foo/a.txt': 'gcs://bucket1/foo/a.txt',
        's3a://bucket2/b.txt': 'lakefs://example-repo/b1/b.txt',
      },
    },
    {
      name: 'two targets for one bucket, out of order',
      lines: [
        ...mapping('s3a', 3, 's3a://bucket1/', 'gcs://bucket3'),
        ...mapping('s3a', 2, 's3a://bucket2/', 'lakefs://example-repo/b1/'),
        ...mapping('s3a', 1, 's3a://bucket1/', 'gcs://bucket1/'),
      ],
      uris: {
        's3a://bucket1/foo/a.txt': 'gcs://bucket1/foo/a.txt',
        's3a://bucket2/b.txt': 'lakefs://example-repo/b1/b.txt',
      },
    },
    {
      name: 'a target with no bucket',
      lines: mapping('s3a', 1, 's3a://bucket/boo/', 'gcs://'),
      uris: { 's3a://bucket/boo/a.txt': 'gcs://a.txt' },
    },
    {
      name: 'a whole scheme to a whole scheme',
      lines: mapping('minio', 1, 'minio://', 'gcs://'),
      uris: { 'minio://a.txt': 'gcs://a.txt' },
    },
    {
      name: 'what no mapping takes goes to the default',
      lines: mapping('s3a', 1, 's3a://bucket/foo/', 'lakefs://example-repo/b1/'),
      uris: {
        's3a://bucket/bar/a.txt': 's3a-default://bucket/bar/a.txt',
        's3a://a.txt': 's3a-default://a.txt',
      },
    },
    {
      name: 'several schemes, each with its default, by class and by scheme',
      lines: [
        ...mapping('s3b', 1, 's3b://bucket/foo/', 'lakefs://example-repo/b2/'),
        ...mapping('s3c', 1, 's3c://bucket/foo/', 'lakefs://example-repo/b3/'),
        'routerfs.default.fs.s3b=S3AFileSystem',
        'routerfs.default.fs.s3c=gs',
      ],
      uris: {
        's3b://bucket/foo/a': 'lakefs://example-repo/b2/a',
        's3b://bucket/bar/a.txt': 's3b-default://bucket/bar/a.txt',
        's3c://bucket/bar/a.txt': 'gs://bucket/bar/a.txt',
        's3c://a.txt': 'gs://a.txt',
      },
    },
    {
      name: 'a mapping without an order of lines: the target may come first',
      lines: mapping('s3a', 1, 's3a://bucket/', 'gcs://bar/').reverse(),
      uris: { 's3a://bucket/x': 'gcs://bar/x' },
    },
    {
      name: 'names are not decoded, and the scheme may be written in capitals',
      lines: mapping('s3a', 1, "'^s3a://bucket/'", '"gcs://bar/"'),
      uris: { 'S3A://bucket/a b/%41#?/': 'gcs://bar/a b/%41#?/' },
    },
  ];
  for (const { name, lines, uris } of cases) {
    test(name, () => {
      const config = load([...lines, S3A_DEFAULT]);
      for (const [uri, expected] of Object.entries(uris)) assert.equal(translate(config, uri).uri, expected);
    });
  }

  test('a whole scheme as the prefix, into a scheme that has a default of its own', () => {
    const config = load([...mapping('gcs', 1, 'gcs://', 's3a://bucket1/'), S3A_DEFAULT]);
    const translation = translate(config, 'gcs://a.txt');
    assert.equal(translation.uri, 's3a-default://bucket1/a.txt');
    assert.equal(translation.mapping?.with, 's3a://bucket1/');
    assert.equal(translation.connection, 's3a-default');
  });
});

describe('grouped by target, as the design has it', () => {
  const SEED = [
    "routerfs.mapping.lakefs.1.replace='^s3a://bucket/prefix'",
    "routerfs.mapping.lakefs.1.with='lakefs://example-repo/dev/prefix'",
    "routerfs.mapping.s3a1.1.replace='^s3a://bucket'",
    "routerfs.mapping.s3a1.1.with='s3a1://another-bucket'",
    "routerfs.mapping.minio.1.replace='^s3a://minio-bucket'",
    "routerfs.mapping.minio.1.with='minio://another-minio-bucket'",
    '# Default mapping, should be applied last',
    "routerfs.mapping.s3a-default.replace='^s3a://'",
    "routerfs.mapping.s3a-default.with='s3a-default://'",
    'fs.s3a.impl=RouterFileSystem',
    'fs.lakefs.impl=S3AFileSystem',
    'fs.s3a1.impl=S3AFileSystem',
    'fs.minio.impl=S3AFileSystem',
    'fs.s3a-default.impl=S3AFileSystem',
    'fs.s3a1.access.key=AKIAIOSFODNN7EXAMPLE',
    'fs.s3a1.secret.key=example/secret',
    'fs.minio.endpoint=127.0.0.1:9000',
    'fs.minio.connection.ssl.enabled=false',
    'fs.minio.path.style.access=true',
  ];

  test("the design's example", () => {
    const config = load(SEED);
    const uris = {
      's3a://bucket/prefix/foo.parquet': 'lakefs://example-repo/dev/prefix/foo.parquet',
      's3a://bucket/prefix2/foo.parquet': 'lakefs://example-repo/dev/prefix2/foo.parquet',
      's3a://bucket/other/foo.parquet': 's3a1://another-bucket/other/foo.parquet',
      's3a://bucket7/other': 's3a1://another-bucket7/other',
      's3a://minio-bucket/a': 'minio://another-minio-bucket/a',
      's3a://elsewhere/a': 's3a-default://elsewhere/a',
    };
    for (const [uri, expected] of Object.entries(uris)) assert.equal(translate(config, uri).uri, expected);
    assert.deepEqual(
      config.connections.find(({ name }) => name === 's3a1'),
      {
        name: 's3a1',
        type: 's3',
        access_key_id: 'AKIAIOSFODNN7EXAMPLE',
        secret_access_key: 'example/secret',
      },
    );
    assert.deepEqual(
      config.connections.find(({ name }) => name === 'minio'),
      { name: 'minio', type: 's3', endpoint: 'http://127.0.0.1:9000', path_style: true },
    );
    assert.equal(translate(config, 's3a://bucket/prefix/a').connection, 'lakefs');
  });

  test('the same in spark-defaults.conf', () => {
    const lines = SEED.map((line) =>
      line.startsWith('#') ? line : `spark.hadoop.${line.replace('=', '   ')}`,
    );
    const config = parseRouting(['spark.master local[2]', ...lines].join('\n'), 'spark-defaults.conf', {});
    assert.deepEqual(
      config.mappings.map(({ name, replace }) => [name, replace]),
      load(SEED).mappings.map(({ name, replace }) => [name, replace]),
    );
    assert.deepEqual(config.connections, load(SEED).connections);
  });

  test('the same in core-site.xml', () => {
    const properties = SEED.filter((line) => !line.startsWith('#')).map((line) => {
      const at = line.indexOf('=');
      return `  <property><name>${line.slice(0, at)}</name>\n    <value>${line.slice(at + 1)}</value></property>`;
    });
    const xml = `<?xml version="1.0"?>\n<!-- routes -->\n<configuration>\n${properties.join('\n')}\n</configuration>\n`;
    const config = parseRouting(xml, 'core-site.xml', {});
    assert.deepEqual(
      config.mappings.map(({ name, replace, with: to }) => [name, replace, to]),
      load(SEED).mappings.map(({ name, replace, with: to }) => [name, replace, to]),
    );
    assert.equal(config.mappings[0]!.origin, 'core-site.xml:4');
  });

  test('groups come in the order of their names, wherever they are written', () => {
    const config = load([
      ...mapping('zz', 1, 's3a://bucket/', 'zz://late/'),
      ...mapping('aa', 7, 's3a://bucket/', 'aa://early/'),
      'fs.aa.impl=S3AFileSystem',
      'fs.zz.impl=S3AFileSystem',
      'routerfs.mapping.s3a-default.replace=s3a://',
      'routerfs.mapping.s3a-default.with=s3a-default://',
      'fs.s3a-default.impl=S3AFileSystem',
    ]);
    assert.equal(translate(config, 's3a://bucket/x').uri, 'aa://early/x');
  });
});

describe('configuration errors name the line and what is wrong', () => {
  const DESIGN_DEFAULT = [
    'routerfs.mapping.s3a-default.replace=s3a://',
    'routerfs.mapping.s3a-default.with=s3a-default://',
    'fs.s3a-default.impl=S3AFileSystem',
  ];
  const good = mapping('s3a', 1, 's3a://bucket/', 'gs://bar/');
  const cases: { name: string; lines: string[]; line: number; says: RegExp }[] = [
    {
      name: 'index not a number',
      lines: [
        'routerfs.mapping.s3a.notAnInt.replace=s3a://bucket',
        'routerfs.mapping.s3a.1.with=lakefs://r/b1',
        S3A_DEFAULT,
      ],
      line: 1,
      says: /"notAnInt" is not a number/,
    },
    {
      name: 'neither replace nor with',
      lines: [
        'routerfs.mapping.s3a.1.with=lakefs://r/b1',
        'routerfs.mapping.s3a.1.instead=s3a://bucket',
        S3A_DEFAULT,
      ],
      line: 2,
      says: /"instead" is neither "replace" nor "with"/,
    },
    {
      name: 'half a pair',
      lines: ['', 'routerfs.mapping.s3a.1.with=lakefs://r/b1', S3A_DEFAULT],
      line: 2,
      says: /routerfs\.mapping\.s3a\.1\.replace is missing/,
    },
    {
      name: 'illegal scheme',
      lines: [...mapping('#@', 1, '#@://bucket', 's3a://boo'), S3A_DEFAULT],
      line: 1,
      says: /"#@" is not a scheme/,
    },
    {
      name: 'group is not the scheme replaced',
      lines: [...mapping('lakefs', 1, 's3a://bucket', 'lakefs://boo'), S3A_DEFAULT],
      line: 1,
      says: /group must be "s3a"/,
    },
    {
      name: 'group is not the scheme of the target',
      lines: [...mapping('s3a', 1, 's3a://bucket/', 'lakefs://boo/'), ...DESIGN_DEFAULT],
      line: 1,
      says: /group must be "lakefs"/,
    },
    {
      name: 'both defaults',
      lines: [...good, S3A_DEFAULT, ...DESIGN_DEFAULT],
      line: 3,
      says: /mixed.*routes\.properties:4/,
    },
    {
      name: 'both grammars',
      lines: [...good, ...mapping('lakefs', 1, 's3a://other/', 'lakefs://r/m/')],
      line: 3,
      says: /grammars are mixed.*routes\.properties:1/,
    },
    { name: 'no default', lines: good, line: 1, says: /s3a:\/\/ has no default/ },
    {
      name: 'empty default',
      lines: [...good, 'routerfs.default.fs.s3a='],
      line: 3,
      says: /routerfs\.default\.fs\.s3a is empty/,
    },
    {
      name: 'a default for nobody',
      lines: [...good, 'routerfs.default.fs=s3a'],
      line: 3,
      says: /must be routerfs\.default\.fs\.<scheme>/,
    },
    {
      name: 'set twice',
      lines: [...good, 'routerfs.mapping.s3a.01.replace=s3a://bucket/x', S3A_DEFAULT],
      line: 3,
      says: /second time \(first at routes\.properties:1\)/,
    },
    {
      name: 'not a URI',
      lines: [...mapping('s3a', 1, 'bucket/x', 's3a://y'), S3A_DEFAULT],
      line: 1,
      says: /must be the beginning of a URI.*"bucket\/x"/,
    },
    {
      name: 'a typing error',
      lines: [...good, 'routerfs.mappings.s3a.2.replace=s3a://b', S3A_DEFAULT],
      line: 3,
      says: /not a setting of the router/,
    },
    {
      name: 'a comment behind a value',
      lines: ['routerfs.mapping.s3a.1.replace=s3a://bucket/dir1/ # mapping src', good[1]!, S3A_DEFAULT],
      line: 1,
      says: /comment needs a line of its own/,
    },
    {
      name: 'an open quote',
      lines: ["routerfs.mapping.s3a.1.replace='s3a://bucket/", good[1]!, S3A_DEFAULT],
      line: 1,
      says: /begins with a quote/,
    },
    {
      name: 'unknown file system',
      lines: [...good, 'routerfs.default.fs.s3a=com.example.OwnFileSystem'],
      line: 3,
      says: /no file system "com\.example\.OwnFileSystem"/,
    },
    {
      name: 'no file system for a scheme',
      lines: [...mapping('s3a', 1, 's3a://bucket/', 'minio://bar/'), S3A_DEFAULT],
      line: 1,
      says: /set fs\.minio\.impl/,
    },
    {
      name: 'default back into the router by class',
      lines: [...good, 'routerfs.default.fs.s3a=io.lakefs.routerfs.RouterFileSystem'],
      line: 3,
      says: /leads back into the router/,
    },
    {
      name: 'default back into the router by scheme',
      lines: [...good, 'routerfs.default.fs.s3a=s3a'],
      line: 3,
      says: /leads back into the router/,
    },
    {
      name: 'a loop through two mappings',
      lines: [
        ...mapping('s3a', 1, 's3a://one/', 's3b://two/'),
        ...mapping('s3b', 1, 's3b://two/', 's3a://one/'),
        S3A_DEFAULT,
        'routerfs.default.fs.s3b=S3AFileSystem',
      ],
      line: 1,
      says: /leads back into the router: its target s3b:\/\/two\/ can be taken again by mapping s3b\.1/,
    },
    {
      name: 'a loop of one mapping',
      lines: [...mapping('s3a', 1, 's3a://one/', 's3a://one/more/'), S3A_DEFAULT],
      line: 1,
      says: /taken again by itself/,
    },
    {
      name: 'a target whose file system is the router',
      lines: [...good, S3A_DEFAULT, 'fs.gs.impl=RouterFileSystem'],
      line: 1,
      says: /leads back into the router/,
    },
    {
      name: 'a routed scheme without anything',
      lines: [...good, S3A_DEFAULT, 'fs.abfs.impl=RouterFileSystem'],
      line: 4,
      says: /abfs:\/\/ has no default/,
    },
    {
      name: 'half a key pair',
      lines: [...good, S3A_DEFAULT, 'fs.s3a.access.key=AK'],
      line: 4,
      says: /secret key is missing/,
    },
    {
      name: 'neither true nor false',
      lines: [...good, S3A_DEFAULT, 'fs.s3a.path.style.access=yes'],
      line: 4,
      says: /true or false/,
    },
    {
      name: 'not an address',
      lines: [...good, S3A_DEFAULT, 'fs.s3a.endpoint=http://[nowhere'],
      line: 4,
      says: /must be an address/,
    },
    {
      name: 'another protocol',
      lines: [...good, S3A_DEFAULT, 'fs.s3a.endpoint=htp://127.0.0.1:9000'],
      line: 4,
      says: /must be an address.*"htp:\/\/127/,
    },
    {
      name: 'trailing checksums neither true nor false',
      lines: [...good, S3A_DEFAULT, 'fs.s3a.trailing.checksums=CRC32'],
      line: 4,
      says: /fs\.s3a\.trailing\.checksums must be true or false/,
    },
    {
      name: 'a setting of the gateway that is an option',
      lines: [...good, S3A_DEFAULT, 'gateway.listen=:9090'],
      line: 4,
      says: /"gateway\.listen" is no setting of such a file/,
    },
    {
      name: 'a prefix without rights',
      lines: [
        ...good,
        S3A_DEFAULT,
        'gateway.client.spark.access.key=AK',
        'gateway.client.spark.secret.key=SK',
        'gateway.client.spark.allow=s3a://bucket/=rw, s3a://other/',
      ],
      line: 6,
      says: /"s3a:\/\/other\/" must be a prefix and the rights/,
    },
    {
      name: 'half a client',
      lines: [...good, S3A_DEFAULT, 'gateway.client.spark.access.key=AK'],
      line: 4,
      says: /Client spark has no gateway\.client\.spark\.allow/,
    },
    {
      name: 'unknown right',
      lines: [
        ...good,
        S3A_DEFAULT,
        'gateway.client.spark.access.key=AK',
        'gateway.client.spark.secret.key=SK',
        'gateway.client.spark.allow=s3a://bucket/=rx',
      ],
      line: 6,
      says: /rights of s3a:\/\/bucket\/.*"rx"/,
    },
    {
      name: 'bad unicode escape',
      lines: [...good, S3A_DEFAULT, 'fs.x=\\u12'],
      line: 4,
      says: /four hexadecimal digits/,
    },
    {
      name: 'variable that is not set',
      lines: [...good, S3A_DEFAULT, `fs.s3a.access.key=\${env.NO_SUCH_VARIABLE}`],
      line: 4,
      says: /environment has no NO_SUCH_VARIABLE/,
    },
  ];
  for (const { name, lines, line, says } of cases) {
    test(name, () => {
      assert.throws(
        () => load(lines),
        (error: Error) => {
          assert.ok(isError(error, 'BAD_CONFIG'), String(error));
          assert.match(error.message, says);
          assert.ok(error.message.startsWith(`routes.properties:${line}: `), error.message);
          return true;
        },
      );
    });
  }

  test('in XML', () => {
    const load = (xml: string) => () => parseRouting(xml, 'core-site.xml', {});
    assert.throws(
      load('<configuration>\n<property>\n<value>x</value></property></configuration>'),
      /core-site\.xml:2: .*no <name>/,
    );
    assert.throws(
      load('<configuration>\n\n<property><name>a</name></property></configuration>'),
      /core-site\.xml:3: .*a has no <value>/,
    );
    assert.throws(
      load('<configuration>\n<property><name>x</configuration>'),
      /core-site\.xml:2: This is not well-formed/,
    );
    assert.throws(load('<other/>'), /core-site\.xml:1: .*begins with <configuration>/);
    // What Hadoop skips would be a mapping lost without a word.
    assert.throws(
      load('<configuration>\n<propery><name>x</name></propery></configuration>'),
      /core-site\.xml:2: <propery> has no place here/,
    );
    assert.throws(
      load('<configuration>\nproperty></configuration>'),
      /core-site\.xml:2: .*"property>" stands beside/,
    );
    const value = (text: string) =>
      `<configuration>\n<!-- a & b --><?x a & b?>\n<property>\n<name>x</name>\n<value>${text}</value></property></configuration>`;
    assert.throws(load(value('a&b')), /core-site\.xml:5: .*write "&amp;"/);
    for (const text of ['a&amp;b&#38;', '<![CDATA[a&b]]>']) {
      assert.throws(load(value(text)), /nothing to route/);
    }
    // A file that calls itself XML is read as that.
    for (const text of ['', 'configuration>\n']) {
      assert.throws(load(text), /core-site\.xml:\d: This is not well-formed XML/);
    }
  });
});

describe('what a file may hold', () => {
  test('Java escapes, continuations, comments, separators and quotes', () => {
    const config = parseRouting(
      [
        '\uFEFF! a comment',
        '   # another \\',
        'routerfs.mapping.s3a.1.replace : s3a://bu\\',
        '      cket/\\u00e4\\:/',
        "routerfs.mapping.s3a.1.with\t'gs://bar/ # no comment/'",
        '',
        'routerfs.default.fs.s3a \\',
        '   = S3AFileSystem   ',
      ].join('\r\n'),
      'x.properties',
      {},
    );
    assert.equal(config.mappings[0]!.replace, 's3a://bucket/ä:/');
    assert.equal(config.mappings[0]!.with, 'gs://bar/ # no comment/');
    assert.equal(config.mappings[0]!.origin, 'x.properties:3');
  });

  test('variables of the environment and of other keys; those that only Hadoop knows stay', () => {
    const config = parseRouting(
      [
        'host=127.0.0.1',
        `fs.s3a.endpoint=http://\${host}:\${env.PORT:-9000}`,
        `fs.s3a.access.key=\${env.KEY}`,
        `fs.s3a.secret.key=\${env.SECRET}`,
        `fs.s3a.buffer.dir=\${env.LOCAL_DIRS:-\${hadoop.tmp.dir}}/s3a`,
        S3A_DEFAULT,
      ].join('\n'),
      'x.properties',
      { KEY: 'AK', SECRET: `$1\${x` },
    );
    assert.deepEqual(config.connections, [
      {
        name: 's3a-default',
        type: 's3',
        endpoint: 'http://127.0.0.1:9000',
        access_key_id: 'AK',
        secret_access_key: `$1\${x`,
      },
    ]);
  });

  test('settings of one bucket, inherited from the scheme, as the released library needs them', () => {
    const config = load([
      ...mapping('s3a', 1, 's3a://bucket/dir/', 'lakefs://repo/branch/'),
      S3A_DEFAULT,
      'fs.lakefs.impl=org.apache.hadoop.fs.s3a.S3AFileSystem',
      'fs.s3a.bucket.repo.endpoint=https://lakefs.example.com',
      'fs.s3a.bucket.repo.access.key=LAKE',
      'fs.s3a.bucket.repo.secret.key=lake-secret',
      'fs.s3a.path.style.access=true',
      'fs.s3a.access.key=AWS',
      'fs.s3a.secret.key=aws-secret',
    ]);
    const connection = (uri: string) =>
      config.connections.find(({ name }) => name === translate(config, uri).connection);
    assert.deepEqual(connection('s3a://bucket/dir/x'), {
      name: 'lakefs.bucket.repo',
      type: 's3',
      path_style: true,
      access_key_id: 'LAKE',
      secret_access_key: 'lake-secret',
      endpoint: 'https://lakefs.example.com',
    });
    assert.equal(connection('s3a://bucket/x')?.access_key_id, 'AWS');
  });

  test('settings of a scheme of its own that nothing reads are warned of; trailing checksums are read', () => {
    const config = load([
      ...mapping('s3a', 1, 's3a://bucket/', 'minio://bar/'),
      S3A_DEFAULT,
      'fs.minio.impl=S3AFileSystem',
      'fs.minio.trailing.checksums=true',
      'fs.minio.bucket.bar.region=eu-west-1',
      'fs.minio.path.style.acess=true',
      'fs.minio.bucket.bar.regoin=eu-west-1',
      'fs.s3a.fast.upload=true',
    ]);
    const minio = config.connections.filter(({ name }) => name.startsWith('minio'));
    assert.deepEqual(
      minio.map(({ name, trailing_checksums: trailing }) => [name, trailing]),
      [
        ['minio', true],
        ['minio.bucket.bar', true],
      ],
    );
    assert.equal(config.warnings.length, 2);
    assert.match(config.warnings[0]!, /^routes\.properties:7: fs\.minio\.path\.style\.acess is not read/);
    assert.match(config.warnings[1]!, /^routes\.properties:8: /);
  });

  test('lakeFS by its own file system or through its S3 gateway', () => {
    const lines = [...mapping('s3a', 1, 's3a://bucket/', 'lakefs://repo/main/'), S3A_DEFAULT];
    const settings = [
      'fs.lakefs.endpoint=http://127.0.0.1:8000/api/v1',
      'fs.lakefs.access.key=AK',
      'fs.lakefs.secret.key=SK',
    ];
    const native = load([...lines, ...settings, 'fs.lakefs.impl=io.lakefs.LakeFSFileSystem']);
    const gateway = load([...lines, ...settings, 'fs.lakefs.impl=S3AFileSystem']);
    const keys = { access_key_id: 'AK', secret_access_key: 'SK' };
    assert.deepEqual(
      native.connections.find(({ name }) => name === 'lakefs'),
      { name: 'lakefs', type: 'lakefs', endpoint: 'http://127.0.0.1:8000', ...keys },
    );
    assert.deepEqual(
      gateway.connections.find(({ name }) => name === 'lakefs'),
      { name: 'lakefs', type: 's3', endpoint: 'http://127.0.0.1:8000/api/v1', ...keys },
    );
  });

  test('Google Cloud Storage, Azure with several accounts, and folders', () => {
    const config = load([
      ...mapping('s3a', 1, 's3a://b/gs/', 'gs://bucket/'),
      ...mapping('s3a', 2, 's3a://b/az/', 'abfss://c@acct.dfs.core.windows.net/x/'),
      ...mapping('s3a', 3, 's3a://b/az2/', 'abfss://c@other.dfs.core.windows.net/'),
      ...mapping('s3a', 4, 's3a://b/disk/', 'disk:///data/'),
      S3A_DEFAULT,
      'fs.disk.impl=org.apache.hadoop.fs.LocalFileSystem',
      'fs.gs.impl=com.google.cloud.hadoop.fs.gcs.GoogleHadoopFileSystem',
      'google.cloud.auth.service.account.json.keyfile=/etc/key.json',
      'fs.gs.project.id=p',
      'fs.azure.account.key.acct.dfs.core.windows.net=a2V5',
      'fs.azure.sas.fixed.token.other.dfs.core.windows.net=sv=1',
    ]);
    const connection = (uri: string) => {
      const { name, ...rest } = config.connections.find(
        (each) => each.name === translate(config, uri).connection,
      )!;
      return rest;
    };
    assert.deepEqual(connection('s3a://b/gs/x'), { type: 'gcs', key_file: '/etc/key.json', project: 'p' });
    assert.deepEqual(connection('s3a://b/az/x'), { type: 'azure', account: 'acct', key: 'a2V5' });
    assert.deepEqual(connection('s3a://b/az2/x'), { type: 'azure', account: 'other', sas_token: 'sv=1' });
    assert.deepEqual(connection('s3a://b/disk/x'), { type: 'file' });
    assert.equal(storeUri(config, translate(config, 's3a://b/disk/x y')), 'file:///data/x y');
  });

  test('clients of the gateway', () => {
    const config = load([
      S3A_DEFAULT,
      'gateway.client.spark.jobs.access.key=AK',
      'gateway.client.spark.jobs.secret.key=SK',
      'gateway.client.spark.jobs.allow=s3a://bucket/a=b/=rw, S3A://bucket/=dr',
    ]);
    assert.deepEqual(config.clients, [
      {
        name: 'spark.jobs',
        accessKey: 'AK',
        secretKey: 'SK',
        allow: [
          { prefix: 's3a://bucket/a=b/', read: true, write: true, delete: false },
          { prefix: 's3a://bucket/', read: true, write: false, delete: true },
        ],
      },
    ]);
  });

  test('a target that joins names by mistake is a warning', () => {
    const config = load([...mapping('s3a', 1, 's3a://bucket/', 'gs://bar'), S3A_DEFAULT]);
    assert.match(config.warnings.join(), /s3a:\/\/bucket\/a becomes gs:\/\/bara/);
  });
});

test('in code: connections that do not exist are named, and a connection of its own breaks no loop rule', () => {
  const minio = { name: 'minio', type: 's3' };
  assert.throws(
    () => checkRouting({ defaults: { s3a: { with: 's3a://', connection: 'mino' } }, connections: [minio] }),
    /default\.s3a: There is no connection "mino" \(there are: minio\)/,
  );
  const config = checkRouting({
    mappings: [{ replace: 's3a://a/', with: 's3a://a/inner/', connection: 'minio' }],
    defaults: { s3a: { with: 's3a://', connection: 'minio' } },
    connections: [minio],
  });
  assert.equal(translate(config, 's3a://a/x').uri, 's3a://a/inner/x');
  assert.throws(() => translate(config, 'gs://a/x'), /gs:\/\/a\/x is not routed: the router takes s3a:\/\//);
});
