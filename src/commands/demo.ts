import { rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { App } from '../app.ts';
import { formatCount } from '../base/format.ts';
import type { SampleLake } from '../demo/lake/sample.ts';
import { usage } from './errors.ts';
import { contextOf, runExport } from './export.ts';
import { runs, type Session } from './session.ts';

export function define(command: Command): void {
  command
    .option('--folder <path>', 'where to export to; it is emptied first', 'sluice-demo')
    .option('--objects <count>', 'objects of the sample lake', '3000')
    .addHelpText(
      'after',
      `
Starts a sample lake in this process (repository, branches, tags, commits; made-up data), exports a tag into a
folder, then what a commit changed, verifies it, lets one run fail and repairs it. Nothing leaves this machine.

Examples:
  sluice demo
  sluice demo --folder /tmp/sluice-demo --objects 20000`,
    )
    .action(runs<{ folder: string; objects: string }>(demo));
}

async function demo(
  session: Session,
  _args: string[],
  options: { folder: string; objects: string },
): Promise<number> {
  const count = Number(options.objects);
  if (!Number.isInteger(count) || count < 100) throw usage('--objects must be a whole number, 100 at least.');
  const root = resolve(options.folder);
  await rm(root, { recursive: true, force: true });
  const { createSampleLake } = await import('../demo/lake/sample.ts');
  const lake = await createSampleLake({ repository: 'shop', rangeEntries: 500 });
  try {
    const app = await demoApp(session, lake, root);
    return await new Demo(session, app, lake, join(root, 'exported')).run(count);
  } finally {
    await session.close();
    await lake.close();
  }
}

/** Sluice as configured for the sample lake alone. */
async function demoApp(session: Session, lake: SampleLake, root: string): Promise<App> {
  const { settings } = await session.loaded();
  const connection = {
    name: 'sample',
    type: 'lakefs',
    endpoint: lake.url,
    access_key_id: lake.server.accessKeyId,
    secret_access_key: lake.server.secretAccessKey,
  };
  return await session.app({
    ...settings,
    engine: 'local',
    state: join(root, 'state'),
    connections: [connection],
    use: { 'lakefs://': 'sample' },
  });
}

class Demo {
  readonly #session: Session;
  readonly #app: App;
  readonly #lake: SampleLake;
  readonly #folder: string;
  #step = 0;

  constructor(session: Session, app: App, lake: SampleLake, folder: string) {
    this.#session = session;
    this.#app = app;
    this.#lake = lake;
    this.#folder = folder;
  }

  /** @returns the exit code: 0 when every step ended as it should */
  async run(count: number): Promise<number> {
    const shown = relative(process.cwd(), this.#folder) || '.';
    await this.#fill(count);

    this.#say(`Everything at the tag v1, into a folder:\n  $ sluice export lakefs://shop/v1 ${shown}`);
    let good = (await this.#export('lakefs://shop/v1')) === 0;

    const changed = await this.#change(Math.ceil(count / 100));
    this.#say(
      `A commit changed ${changed} objects. Only they are exported, what was removed is deleted:\n  $ sluice export lakefs://shop/main ${shown} --since last`,
    );
    good = (await this.#export('lakefs://shop/main', { since: 'last' })) === 0 && good;

    this.#say(`Is everything there, and nothing else?\n  $ sluice verify lakefs://shop/main ${shown}`);
    good = (await this.#verify()) && good;

    const broken = 'images/noise.png';
    await this.#lake.put('main', broken, 'a new picture', { contentType: 'image/png' });
    await this.#lake.commit('main', 'a picture that cannot be read');
    this.#lake.server.faults.add({
      method: 'GET',
      path: /\/objects\?.*noise/,
      status: 410,
      message: 'the bytes of this object are gone',
    });
    this.#say(
      `A commit with an object that the lake cannot read: an honest failure, which names it.\n  $ sluice export lakefs://shop/main ${shown} --since last`,
    );
    good = (await this.#export('lakefs://shop/main', { since: 'last' })) === 1 && good;

    this.#lake.server.faults.clear();
    this.#say('The lake is mended; the same command again copies what is missing:');
    good =
      (await this.#export('lakefs://shop/main', { since: 'last' })) === 0 && (await this.#verify()) && good;

    this.#say(`Look around:
  ${shown}/                          the exported objects, and EXPORT_…_SUCCESS or _FAILURE for each run
  ${shown}/_sluice/default/          what Sluice remembers: state.json, and a report for each run
  zcat ${shown}/_sluice/default/*/objects/*.jsonl.gz | head     what became of each object
Next: README.md, and docs/lake-export.md for a lake and a bucket of your own.`);
    return good ? 0 : 1;
  }

  async #fill(count: number): Promise<void> {
    const { sampleContent } = await import('../demo/lake/content.ts');
    for (const { path, bytes, contentType, metadata } of sampleContent(count))
      await this.#lake.put('main', path, bytes, { contentType, metadata });
    await this.#lake.commit('main', 'first data');
    this.#lake.tag('v1');
    this.#lake.branch('experiment');
    await this.#lake.put('experiment', 'tried.txt', 'only on this branch');
    await this.#lake.commit('experiment', 'a try');
    this.#say(
      `A sample lake runs at ${this.#lake.url}: repository "shop", ${formatCount(count)} objects, branches main and experiment, tag v1.`,
    );
  }

  async #change(changes: number): Promise<number> {
    const day = (i: number) =>
      `events/date=2026-01-${String((i % 28) + 1).padStart(2, '0')}/part-${String(i).padStart(5, '0')}.jsonl`;
    for (let i = 0; i < changes; i++) {
      if (i % 3 === 0)
        await this.#lake.put('main', `events/date=2026-02-01/part-${i}.jsonl`, `{"new":${i}}\n`);
      else if (i % 3 === 1) await this.#lake.put('main', day(i), `{"changed":${i}}\n`);
      else this.#lake.delete('main', day(i));
    }
    await this.#lake.commit('main', 'a day later');
    return changes;
  }

  async #export(source: string, more: { since?: string } = {}): Promise<number> {
    const code = await runExport(this.#session, this.#app, { source, destination: this.#folder, ...more });
    this.#session.output.note('');
    return code;
  }

  async #verify(): Promise<boolean> {
    const { parseLakeExportSpec } = await import('../lake/export/spec.ts');
    const { verifyExport } = await import('../lake/export/verify.ts');
    const spec = parseLakeExportSpec({ source: 'lakefs://shop/main', destination: this.#folder });
    const { pinned, ...found } = await verifyExport(spec, contextOf(this.#app, this.#session.signal), {
      show: () => {},
    });
    const differences = found.missing + found.different + found.extra;
    this.#session.output.result(
      { ...found, commit: pinned.commit },
      () => `${formatCount(found.same)} objects are the same, ${formatCount(differences)} differences.\n`,
    );
    return differences === 0;
  }

  #say(text: string): void {
    this.#step++;
    this.#session.output.note(`\n${this.#step}. ${text}\n`);
  }
}
