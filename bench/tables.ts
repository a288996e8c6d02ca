/**
 * A table of 100,000 files in one log: Sluice's native method, and Spark's shallow clone of the same table.
 *
 *   npm run bench:tables [-- --files 100000] [--no-spark] [--no-native]
 *
 * The lake's side is a listing in this process of 1,000 files a page, as lakeFS answers it; the log and the target are
 * folders. What is shown: seconds, files per second, the highest memory of the process, requests made.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Limiter } from '../src/base/limiter.ts';
import { silentLog } from '../src/jobs/kind.ts';
import { FileStore } from '../src/stores/file/store.ts';
import type { Store } from '../src/stores/store.ts';
import type { Exported, LakeFile, MethodContext, TableSource, TableTarget } from '../src/tables/method.ts';
import { native } from '../src/tables/methods/native/native.ts';
import { SparkSession } from '../test/support/spark/session.ts';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '100000' },
    'no-spark': { type: 'boolean' },
    'no-native': { type: 'boolean' },
  },
});
const files = Number(values.files);
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-tables-'));
const PAGE = 1000;
const DAYS = 100;

const nameOf = (i: number) =>
  `day=${String(i % DAYS).padStart(3, '0')}/part-${String(i).padStart(7, '0')}-${'0123456789abcdef'.repeat(2)}.c000.snappy.parquet`;
const addOf = (i: number) => ({
  add: {
    path: nameOf(i),
    partitionValues: { day: String(i % DAYS).padStart(3, '0') },
    size: 1000 + i,
    modificationTime: 1_795_240_694_000,
    dataChange: true,
    stats: JSON.stringify({
      numRecords: 1000,
      minValues: { id: i * 1000, name: `name-${i}` },
      maxValues: { id: i * 1000 + 999, name: `name-${i}-z` },
      nullCount: { id: 0, name: 0 },
    }),
  },
});
const schemaString = JSON.stringify({
  type: 'struct',
  fields: ['id:long', 'name:string', 'day:string'].map((field) => {
    const [name, type] = field.split(':');
    return { name, type, nullable: true, metadata: {} };
  }),
});

/** Counts requests of a Store. */
function counting(store: Store, counts: Record<string, number>): Store {
  return new Proxy(store, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        counts[String(property)] = (counts[String(property)] ?? 0) + 1;
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

const counts: Record<string, number> = {};
const source = new FileStore(join(folder, 'source'));
const target: TableTarget = {
  uri: `file://${folder}/target`,
  store: counting(new FileStore(join(folder, 'target')), counts),
  root: '',
};
const context: MethodContext = {
  signal: new AbortController().signal,
  slots: new Limiter(64),
  log: silentLog,
  progress() {},
  open: async () => ({ store: source, path: '', uri: '' }),
};
const version = (number: number) => `_delta_log/${String(number).padStart(20, '0')}.json`;

await source.put(
  version(0),
  Buffer.from(
    [
      { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
      {
        metaData: {
          id: '3b0aca92-4ccc-4b62-b377-65437350c974',
          format: { provider: 'parquet', options: {} },
          schemaString,
          partitionColumns: ['day'],
          configuration: {},
          createdTime: 1,
        },
      },
      ...Array.from({ length: files }, (_, i) => addOf(i)),
    ]
      .map((action) => JSON.stringify(action))
      .join('\n'),
  ),
);

const listed: LakeFile[] = Array.from({ length: files + 1 }, (_, i) => ({
  path: nameOf(i),
  address: `file://${folder}/bucket/data/${nameOf(i)}`,
  size: 1000 + i,
  checksum: String(i),
})).sort((a, b) => (a.path < b.path ? -1 : 1));

function sourceAt(commit: string, size: number): TableSource {
  return {
    repository: 'lake',
    branch: 'main',
    commit,
    committedAt: 1,
    root: '',
    store: counting(source, counts),
    async *list({ after = '', pageSize = PAGE }) {
      let low = 0;
      for (let high = listed.length; low < high; ) {
        const middle = (low + high) >> 1;
        if (listed[middle]!.path <= after) low = middle + 1;
        else high = middle;
      }
      for (let at = low; at < listed.length; at += pageSize) {
        counts['lake list'] = (counts['lake list'] ?? 0) + 1;
        yield listed.slice(at, at + pageSize);
      }
    },
    async diff() {
      counts['lake diff'] = (counts['lake diff'] ?? 0) + 1;
      return (async function* () {
        yield [
          { path: version(1), type: 'added' as const },
          { path: nameOf(size - 1), type: 'added' as const },
        ];
      })();
    },
    async carry() {},
  };
}

const before = process.memoryUsage.rss();
let most = before;
const watch = setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss());
}, 20);

async function timed(what: string, at: TableSource, earlier?: Exported): Promise<Exported> {
  for (const name of Object.keys(counts)) delete counts[name];
  const started = performance.now();
  const cpu = process.cpuUsage();
  const { exported } = await native.export(
    { source: at, target, earlier, options: { addresses: {}, allowFeatures: [], retentionDays: 7 } },
    context,
  );
  const seconds = (performance.now() - started) / 1000;
  const rate = what === 'whole' ? `, ${Math.round(files / seconds)} files/s` : '';
  const { user, system } = process.cpuUsage(cpu);
  const requests = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  console.log(
    `sluice native, ${what}: ${seconds.toFixed(2)} s (${((user + system) / 1e6).toFixed(2)} s of CPU)${rate}, memory +${Math.round((most - before) / 2 ** 20)} MiB, requests: ${requests.join(', ')}`,
  );
  return exported;
}

if (!values['no-native']) {
  const first = await timed('whole', sourceAt('a'.repeat(64), files));
  await source.put(version(1), Buffer.from(JSON.stringify(addOf(files))));
  await timed('one more file', sourceAt('b'.repeat(64), files + 1), first);
}
clearInterval(watch);

if (!values['no-spark']) {
  const spark = await SparkSession.start({ 'spark.driver.memory': '3g' });
  const place = `file://${folder}/source`;
  for (const [what, to] of [
    ['first clone of the session', 'clone1'],
    ['second', 'clone2'],
  ]) {
    const started = performance.now();
    await spark.sql(
      `CREATE OR REPLACE TABLE delta.\`file://${folder}/${to}\` SHALLOW CLONE delta.\`${place}\` VERSION AS OF 0`,
    );
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `Spark shallow clone, ${what}: ${seconds.toFixed(2)} s, ${Math.round(files / seconds)} files/s`,
    );
  }
  await spark.close();
}
rmSync(folder, { recursive: true, force: true });
