/**
 * Vector exports and imports beside their peers, on one real Weaviate and one real MinIO: Sluice's export of a
 * class; bare gRPC reading of it in parallel ranges, which throws everything away; the official Python client's
 * iterator with pyarrow. Then imports of the same objects by Sluice, with its comparison at the end, and by the
 * Python client's batches. Runs are interleaved; medians, ratios and Sluice's peak memory are printed.
 *
 *   npm run bench:vectors -- [objects=100000] [rounds=2] [dimensions=384] [export|both]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBatchObject } from '../src/vectors/import/batch-object.ts';
import { readObjects } from '../src/vectors/read.ts';
import type { ClassSchema } from '../src/vectors/schema.ts';
import { startMinio, startWeaviate } from '../test/servers/harness.ts';
import { installed } from '../test/servers/install.ts';
import { clientOf } from '../test/servers/vectors/fill.ts';
import { median, TELLS_PEAK, timed } from './support/timed.ts';

const AT_ONCE = 4;

// Run as a program by the bench itself: bare reading, so that it has a process of its own as the others have.
if (process.argv[2] === 'bare') {
  const [, , , url, grpc, name] = process.argv as [string, string, string, string, string, string];
  const client = clientOf({ url, grpc });
  const schema = (await client.classNamed(name))!;
  const expected = await client.count(name);
  const wanted = { properties: schema.properties!, vectors: true };
  let read = 0;
  for await (const page of readObjects(client, schema, {
    range: {},
    expected,
    wanted,
    concurrency: AT_ONCE,
  })) {
    read += page.length;
  }
  if (read !== expected) throw new Error(`${read} of ${expected} objects were read`);
  process.exit();
}

const [objects = 100_000, rounds = 2, dimensions = 384] = process.argv.slice(2, 5).map(Number);
const imports = process.argv[5] !== 'export';
const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const [minio, weaviate, python] = await Promise.all([
  startMinio({ buckets: ['out'] }),
  startWeaviate(),
  installed('python'),
]);
const client = clientOf(weaviate);
const env = {
  AWS_ACCESS_KEY_ID: minio.accessKeyId,
  AWS_SECRET_ACCESS_KEY: minio.secretAccessKey,
  ENDPOINT: minio.endpoint.replace('http://', ''),
};
const config = join(folder, 'sluice.yaml');
writeFileSync(
  config,
  `connections:
  minio: {type: s3, endpoint: "${minio.endpoint}", path_style: true, access_key_id: "${minio.accessKeyId}", secret_access_key: "${minio.secretAccessKey}"}
use: {"s3://": minio}
state: ${join(folder, 'state')}
`,
);

const schemaOf = (name: string): ClassSchema => ({
  class: name,
  vectorizer: 'none',
  vectorIndexType: 'flat',
  properties: Object.entries({
    title: 'text',
    body: 'text',
    number: 'int',
    score: 'number',
    ok: 'boolean',
    at: 'date',
  }).map(([property, type]) => ({ name: property, dataType: [type] })),
});

async function fill(name: string, count: number): Promise<void> {
  await client.createClass(schemaOf(name));
  const schema = (await client.classNamed(name))!;
  for (let from = 0; from < count; from += 1000) {
    const batch = Array.from({ length: Math.min(1000, count - from) }, (_, i) => {
      const number = from + i;
      const vector = Float32Array.from({ length: dimensions }, () => Math.random() - 0.5);
      return toBatchObject(
        schema,
        {
          id: crypto.randomUUID(),
          created: 0,
          updated: 0,
          vector: new Uint8Array(vector.buffer),
          properties: {
            title: `Title ${number}`,
            body: `The quick brown fox jumps over the lazy dog, for the ${number}th time.`,
            number,
            score: number / 7,
            ok: number % 2 === 0,
            at: new Date(1.6e12 + number * 1000).toISOString(),
          },
        },
        undefined,
        false,
      );
    });
    const refused = await client.insert(batch);
    if (refused.length > 0) throw new Error(refused[0]!.error);
  }
}

const port = (address: string) => address.split(':').at(-1)!;
const main = join(here, '../src/main.ts');
const target = ['--weaviate', weaviate.url, '--grpc', weaviate.grpc, '--config', config, '--quiet'];
const sluice = (...args: string[]) => timed(process.execPath, [TELLS_PEAK, main, ...args, ...target], env);
const bare = (name: string) =>
  timed(process.execPath, [import.meta.filename, 'bare', weaviate.url, weaviate.grpc, name], env);
const peer = (what: string, name: string, path: string) =>
  timed(
    python,
    [join(here, 'support/vectors_client.py'), what, port(weaviate.url), port(weaviate.grpc), name, path],
    env,
  );

try {
  await fill('Bench', objects);
  // Whole seconds of the server's clock: what was written just now is not to count as changed meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const times: Record<string, number[]> = { sluice: [], bare: [], python: [] };
  let peak = 0;
  for (let round = 0; round < rounds; round++) {
    times.bare!.push((await bare('Bench')).wall);
    const exported = await sluice(
      'vectors',
      'export',
      's3://out/sluice',
      '--include',
      'Bench',
      '--id',
      `r${round}`,
    );
    times.sluice!.push(exported.wall);
    peak = Math.max(peak, exported.peak);
    times.python!.push((await peer('export', 'Bench', `out/python/r${round}.parquet`)).wall);
  }
  const rate = (name: string) => objects / median(times[name]!);
  console.log(
    `${objects} objects × ${dimensions} floats, 6 properties, to MinIO, objects a second (start of the process included):`,
  );
  for (const name of Object.keys(times)) console.log(`  ${name.padEnd(8)} ${rate(name).toFixed(0)}`);
  console.log(`  sluice / python ${(rate('sluice') / rate('python')).toFixed(2)} (bar 2)`);
  console.log(`  sluice / bare   ${(rate('sluice') / rate('bare')).toFixed(2)} (bar 0.65)`);
  console.log(`  peak memory     ${peak.toFixed(0)} MiB (bar 400)`);

  const importing: Record<string, number[]> = { sluice: [], python: [] };
  for (let round = 0; imports && round < rounds; round++) {
    const again = [
      '--rename',
      `Bench=Sluice${round}`,
      '--id',
      `i${round}`,
      '--reports',
      join(folder, 'imports'),
    ];
    importing.sluice!.push((await sluice('vectors', 'import', 's3://out/sluice/r0', ...again)).wall);
    importing.python!.push((await peer('import', `Python${round}`, 'out/python/r0.parquet')).wall);
    // The next round finds the server as this one did.
    for (const name of [`Sluice${round}`, `Python${round}`]) {
      await client.rest.call('DELETE', `/schema/${name}`);
    }
  }
  if (imports) {
    const importRate = (name: string) => objects / median(importing[name]!);
    console.log(`${objects} objects imported, objects a second:`);
    for (const name of Object.keys(importing))
      console.log(`  ${name.padEnd(8)} ${importRate(name).toFixed(0)}`);
    console.log(`  sluice / python ${(importRate('sluice') / importRate('python')).toFixed(2)} (bar 1)`);
  }
} finally {
  await client.close();
  await Promise.all([minio.stop(), weaviate.stop()]);
  rmSync(folder, { recursive: true, force: true });
}
