import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, createApp } from '../../../src/app.ts';
import type { Connection } from '../../../src/base/connections.ts';
import type { Json } from '../../../src/base/json.ts';
import { loadSettings } from '../../../src/config/load.ts';
import { isFinal, type JobRecord } from '../../../src/jobs/job.ts';
import { LakeServer } from './lake-server.ts';
import { SampleLake } from './sample-lake.ts';

/** What a user has: a lake behind its API, a state folder, a place for tables, connections. */
export class TableApp {
  readonly lake = new SampleLake();
  readonly server = new LakeServer(this.lake);
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-tables-'));
  app!: App;

  /** Where tables go, as a URI. */
  get target(): string {
    return `file://${this.folder}/tables`;
  }

  async start(connections: Connection[] = []): Promise<this> {
    await this.server.start();
    await this.restart(connections);
    return this;
  }

  /** The same user, in a new process as far as Sluice can tell. */
  async restart(connections: Connection[] = []): Promise<void> {
    await this.app?.close();
    const { settings } = loadSettings({ env: {}, cwd: this.folder });
    this.app = await createApp({
      ...settings,
      state: join(this.folder, 'state'),
      connections: [
        {
          name: 'lake',
          type: 'lakefs',
          endpoint: this.server.url,
          access_key_id: 'key',
          secret_access_key: 'secret',
        },
        ...connections,
      ],
      use: { 'lakefs://': 'lake' },
    });
  }

  /** Exports the branch main at a commit and waits for the end. */
  async export(commit: string, more: { [key: string]: Json } = {}): Promise<JobRecord> {
    this.server.branches.set('main', commit);
    const spec = { source: 'lakefs://lake/main', target_base_location: this.target, ...more };
    const engine = await this.app.engine();
    const { id } = await engine.submit('table-export', spec);
    const job = await engine.wait(id);
    if (!isFinal(job.status)) throw new Error(`job ${id} was lost`);
    return job;
  }

  async close(): Promise<void> {
    await this.app?.close();
    await this.server.close();
    this.lake[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What the report says of each table. */
export function tablesOf(job: JobRecord): Record<string, { [key: string]: unknown }> {
  const { tables } = job.report as { tables: { table: string }[] };
  return Object.fromEntries(
    tables.map((table) => [table.table, table as unknown as { [key: string]: unknown }]),
  );
}
