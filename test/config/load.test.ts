import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkConnections } from '../../src/config/connection-checks.ts';
import { describeSettings } from '../../src/config/describe.ts';
import { describeEnvironment } from '../../src/config/environment.ts';
import { findConfig, loadSettings, problemText, requireValid } from '../../src/config/load.ts';
import { unheeded } from '../../src/config/unheeded.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-config-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function load(yaml: string, env: Record<string, string> = {}, flags = {}) {
  const config = join(folder, 'some.yaml');
  await writeFile(config, yaml);
  return loadSettings({ config, env: { HOME: folder, ...env }, flags });
}
const texts = (loaded: { problems: Parameters<typeof problemText>[0][] }): string[] =>
  loaded.problems.map((problem) => problemText(problem).replace(`${folder}/`, ''));

describe('the file', () => {
  test('the first of --config, $SLUICE_CONFIG, ./sluice.yaml and the user folder is read', async () => {
    const home = join(folder, 'home');
    const cwd = join(folder, 'cwd');
    await mkdir(join(home, '.config/sluice'), { recursive: true });
    await mkdir(cwd);
    const env: Record<string, string> = { HOME: home };
    assert.equal(findConfig({ env, cwd }), undefined);
    await writeFile(join(home, '.config/sluice/sluice.yaml'), '');
    assert.equal(findConfig({ env, cwd }), join(home, '.config/sluice/sluice.yaml'));
    await writeFile(join(cwd, 'sluice.yaml'), '');
    assert.equal(findConfig({ env, cwd }), join(cwd, 'sluice.yaml'));
    await writeFile(join(cwd, 'b.yaml'), '');
    assert.equal(findConfig({ env: { ...env, SLUICE_CONFIG: 'b.yaml' }, cwd }), join(cwd, 'b.yaml'));
    assert.throws(() => findConfig({ config: 'c.yaml', env, cwd }), {
      code: 'NOT_FOUND',
      message: /--config/,
    });
  });

  test('an empty one, and none, give the defaults', async () => {
    const { settings, problems } = await load('');
    assert.deepEqual(problems, []);
    assert.equal(settings.state, join(folder, '.local/state/sluice'));
    assert.equal(settings.engine, 'local');
    assert.equal(settings.service.listen, '127.0.0.1:7070');
    const xdg = loadSettings({ env: { HOME: folder, XDG_STATE_HOME: '/x' }, cwd: folder });
    assert.equal(xdg.settings.state, '/x/sluice');
  });

  test('that of the design is understood', async () => {
    const loaded = await load(
      `
connections:
  lake:    {type: lakefs, endpoint: "http://127.0.0.1:8000", access_key_id: "\${LAKEFS_ACCESS_KEY_ID}", secret_access_key: "\${file:secret.txt}"}
  minio:   {type: s3, endpoint: "http://127.0.0.1:9000", region: us-east-1, path_style: true, access_key_id: a, secret_access_key: b}
  other:   {type: s3, region: eu-central-1}
  vectors: {type: weaviate, url: "http://127.0.0.1:8080", grpc: "127.0.0.1:50051", api_key: "\${WEAVIATE_API_KEY:-none}"}
  uc:      {type: unity, url: "http://127.0.0.1:8081"}
use: {"lakefs://": lake, "s3://": minio, "s3://archive": other}
service: {listen: "127.0.0.1:7071", auth: none, weaviate: vectors}
export:
  s3: {connection: minio, bucket: exports, path: weaviate}
  filesystem: {path: ./exports}
gateway:
  listen: "127.0.0.1:9090"
  clients: [{name: spark, access_key: AK, secret_key: SK, allow: [{prefix: "s3a://old-bucket/", rights: rwd}]}]
  mappings: [{scheme: s3a, replace: "s3a://old-bucket/raw/", with: "lakefs://repo/main/raw/"}]
  default: {s3a: minio}
tables: [{repository: lake, branches: [main], table_defs: [orders], method: copy, catalog: {connection: uc, name: main}, target_base_location: "s3://tables/lake"}]
schedules: [{name: nightly, cron: "0 2 * * *", timezone: Europe/Berlin, job: {kind: lake-export, spec: {source: "lakefs://repo/main", destination: "s3://exports/repo", verify: true}}}]
bandwidth: 10M
`,
      { LAKEFS_ACCESS_KEY_ID: 'AKIA' },
    ).catch((error) => error);
    assert.deepEqual(texts(loaded).length, 1, 'the file with the secret is not there yet');
    assert.match(
      texts(loaded)[0]!,
      /^some\.yaml:3:\d+: \$\{file:secret\.txt\}: .*secret\.txt can't be read \(ENOENT\)\.$/,
    );
    await writeFile(join(folder, 'secret.txt'), 'hush\n');
    const again = loadSettings({ config: loaded.file, env: { HOME: folder, LAKEFS_ACCESS_KEY_ID: 'AKIA' } });
    assert.deepEqual(texts(again), []);
    assert.deepEqual(await checkConnections(again), []);
    assert.deepEqual(again.settings.connections[0], {
      name: 'lake',
      type: 'lakefs',
      endpoint: 'http://127.0.0.1:8000',
      access_key_id: 'AKIA',
      secret_access_key: 'hush',
    });
    assert.equal(again.settings.connections[1]!.path_style, true);
    assert.equal(again.settings.bandwidth, 10 * 1024 * 1024);
    assert.deepEqual(again.settings.schedules[0]!.job.spec, {
      source: 'lakefs://repo/main',
      destination: 's3://exports/repo',
      verify: true,
    });
  });
});

describe('mistakes are named with line, column and what to do', () => {
  for (const [what, yaml, expected] of [
    [
      'a slip in a name',
      'servce:\n  listen: a',
      /^some\.yaml:1:1: There is no setting "servce"; did you mean "service"\?$/,
    ],
    [
      'an unknown name',
      'state: x\nxyzzy: 1',
      /^some\.yaml:2:1: There is no setting "xyzzy" \(there are: state, /,
    ],
    ['a slip inside', 'service:\n  lisen: 1', /^some\.yaml:2:3: .*"lisen" in service; did you mean "listen"/],
    [
      'a wrong choice',
      'engine: temporl',
      /^some\.yaml:1:9: engine must be one of local, temporal; did you mean/,
    ],
    [
      'no number',
      'concurrency: many',
      /^some\.yaml:1:14: concurrency must be a whole number of at least 1\.$/,
    ],
    ['a bad size', 'bandwidth: 10 apples', /bandwidth must be a size such as/],
    ['a list instead of a map', 'connections: [a]', /^some\.yaml:1:14: connections must be a map/],
    ['a map instead of a value', 'state: {a: b}', /state must be a single value/],
    ['no type', 'connections:\n  a: {endpoint: x}', /^some\.yaml:2:6: connections\.a lacks "type"\.$/],
    ['a missing variable', `use: {"s3://": "\${NOT_SET}"}`, /The environment variable NOT_SET is not set/],
    ['an odd reference', `state: "\${a b}"`, /neither \$\{NAME\} nor/],
    [
      'an unknown connection',
      'use:\n  "s3://": nowhere',
      /^some\.yaml:2:12: .*no connection "nowhere" \(there are: none\)/,
    ],
    [
      'what no address begins with',
      'connections: {m: {type: s3}}\nuse:\n  "s3//": m',
      /^some\.yaml:3:11: use\."s3\/\/": no address begins so/,
    ],
    ['broken YAML', 'a: [1, 2\nb: "', /^some\.yaml:\d+:\d+: /],
    ['a key twice', 'state: a\nstate: b', /^some\.yaml:2:1: /],
  ] as const) {
    test(what, async () => {
      const loaded = await load(yaml);
      assert.match(texts(loaded)[0] ?? 'no problem', expected);
      assert.throws(() => requireValid(loaded), { code: 'BAD_CONFIG' });
    });
  }

  test('a mistake that only the type of a connection knows', async () => {
    const loaded = await load(
      'connections:\n  m:\n    type: s3\n    endpoint: http://x\n    part_size: tiny\n',
    );
    const [problem] = await checkConnections(loaded);
    assert.match(problemText(problem!), /some\.yaml:5:16: Connection "m": part_size/);
  });

  test('a misspelled setting of a connection of any type', async () => {
    const sound = {
      lakefs: 'endpoint: "http://x", access_key_id: a, secret_access_key: b',
      weaviate: 'url: "http://x"',
      databricks: 'host: x, token: t',
      unity: 'url: "http://x"',
      s3: 'endpoint: "http://x"',
      gcs: 'anonymous: true',
      azure: 'account: a, anonymous: true',
      file: 'root: /x',
    };
    for (const [type, settings] of Object.entries(sound)) {
      const problems = async (more: string) =>
        checkConnections(await load(`connections:\n  c: {type: ${type}, ${settings}${more}}`));
      assert.deepEqual(await problems(''), [], type);
      const [problem] = await problems(', endpont: "http://y"');
      assert.match(problem!.message, /^Connection "c": endpont is no setting of .*there are: /, type);
    }
  });
});

describe('precedence and origins', () => {
  test('a flag beats the environment, which beats the file', async () => {
    const env = { SLUICE_ENGINE: 'temporal', SLUICE_SERVICE_LISTEN: '127.0.0.1:1', SLUICE_CONCURRENCY: '9' };
    const flags = {
      concurrency: { value: '7', flag: '--concurrency' },
      state: { value: undefined, flag: '--state' },
    };
    const loaded = await load('engine: local\nconcurrency: 5\nstate: ./here\nlog_level: info', env, flags);
    const { settings, origins } = loaded;
    assert.equal(settings.concurrency, 7);
    assert.equal(settings.engine, 'temporal');
    assert.equal(settings.service.listen, '127.0.0.1:1');
    assert.equal(origins.get('concurrency'), '--concurrency');
    assert.equal(origins.get('engine'), '$SLUICE_ENGINE');
    const described = describeSettings(loaded);
    assert.match(described.find((each) => each.setting === 'log_level')!.from, /some\.yaml:4$/);
    assert.equal(described.find((each) => each.setting === 'parts_at_once')!.from, 'default');
  });

  test('a bad value in the environment is named', async () => {
    assert.deepEqual(texts(await load('', { SLUICE_CONCURRENCY: '-1' })), [
      '$SLUICE_CONCURRENCY must be a whole number of at least 1.',
    ]);
  });

  test('settings that Temporal leaves no room for are told, where somebody gave them', async () => {
    const text = 'engine: temporal\njobs_at_once: 2\nhistory: {days: 3}\n';
    const [jobs, history, ...more] = unheeded(await load(text));
    assert.match(jobs!, /^jobs_at_once \(.*some\.yaml:2\) does not hold .* workers/);
    assert.match(history!, /^history \(.*some\.yaml:3\) does not hold .* retention/);
    assert.deepEqual(more, []);
    assert.deepEqual(unheeded(await load('engine: temporal')), []);
    assert.deepEqual(unheeded(await load(text, {}, { engine: { value: 'local', flag: '--engine' } })), []);
  });

  test('what the environment and other tools give is told, too', async () => {
    await writeFile(
      join(folder, '.lakectl.yaml'),
      'server: {endpoint_url: "http://lake"}\ncredentials: {access_key_id: AKL, secret_access_key: hush}\n',
    );
    const described = await describeEnvironment({
      HOME: folder,
      AWS_REGION: 'eu-west-3',
      AWS_PROFILE: 'work',
    });
    const lines = described.map(({ setting, value, from }) => `${setting} ${value} ${from}`);
    assert.ok(lines.includes(`lakefs:// endpoint http://lake ${join(folder, '.lakectl.yaml')}`));
    assert.ok(lines.includes('s3:// region eu-west-3 $AWS_REGION'));
    assert.ok(lines.some((line) => line.startsWith('s3:// credentials profile work')));
    assert.doesNotMatch(lines.join(), /hush/);
  });

  test('secrets are masked, wherever they stand', async () => {
    const loaded = await load(
      `
connections:
  a: {type: lakefs, endpoint: "http://user:hush1@host", access_key_id: AKIA, secret_access_key: "\${S}"}
  b: {type: weaviate, url: x, api_key: hush3, headers: {X-OpenAI: hush4}}
  c: {type: azure, connection_string: hush5, account_key: hush6, key: hush10, sas_token: hush7}
  d: {type: databricks, host: h, token: hush8}
gateway: {clients: [{name: a, access_key: k, secret_key: hush9}]}
`,
      { S: 'hush2' },
    );
    assert.deepEqual(texts(loaded), []);
    const text = JSON.stringify(describeSettings(loaded));
    assert.doesNotMatch(text, /hush/);
    assert.match(text, /AKIA/);
    assert.match(text, /some\.yaml:3 \(\$S\)/);
  });
});
