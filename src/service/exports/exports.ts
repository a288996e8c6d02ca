import { createHash } from 'node:crypto';
import { SluiceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { asFolder } from '../../base/keys.ts';
import type { Engine } from '../../jobs/engine.ts';
import { found } from '../../jobs/found.ts';
import type { JobRecord } from '../../jobs/job.ts';
import type { Sql } from '../../jobs/state/sql.ts';
import { findObject } from '../../stores/find.ts';
import type { OpenStore } from '../../stores/open.ts';
import { METADATA_FILE } from '../../vectors/export/pinned.ts';
import { JOB_NAME } from '../../vectors/spec-reader.ts';
import type { WeaviateClient } from '../../vectors/weaviate/client.ts';
import type { Backend, Destination } from './destination.ts';

/** An export as it was asked for; what became of it is its job's. */
export interface ExportRecord {
  backend: string;
  id: string;
  job: string;
  /** URI of its folder. */
  path: string;
  classes: string[];
  /** Milliseconds since 1970. */
  startedAt: number;
}

export interface ExportRequest {
  id: string;
  file_format?: string;
  include?: string[];
  exclude?: string[];
}

interface Row {
  backend: string;
  id: string;
  job: string;
  spec: string;
  path: string;
  classes: string;
  started_at: number;
  /** 1 once its job was there. */
  submitted: number;
}

/** Which job is the export of a backend and an id. */
export class Exports {
  readonly #db: Sql;
  readonly #engine: Engine;
  readonly #open: OpenStore;

  constructor(db: Sql, engine: Engine, open: OpenStore) {
    this.#db = db;
    this.#engine = engine;
    this.#open = open;
  }

  /** Starts what an earlier process wrote down and did not come to start. */
  async startLost(): Promise<void> {
    const lost = await this.#db.all<Row>('SELECT * FROM exports WHERE submitted = 0 ORDER BY started_at');
    for (const { job, spec } of lost) await this.#submit(job, JSON.parse(spec) as Json);
  }

  /** @throws SluiceError ALREADY_EXISTS: the id was used and its export was not canceled */
  async create(
    request: { backend: Backend; id: string; classes: string[] },
    destination: Destination,
    spec: { [key: string]: Json | undefined },
  ): Promise<{ record: ExportRecord; job: JobRecord }> {
    const { backend, id, classes } = request;
    const before = await this.#find(backend, id);
    // Without a job it is just being started, here or by another service on this state; or its job was forgotten.
    const last = before && (await this.jobOf(before.job));
    if (before && (last ? last.status !== 'CANCELED' : !before.submitted)) throw taken(backend, id);
    const path = `${destination.uri.replace(/\/+$/, '')}/${id}`;
    await this.#requireFree(destination, id, backend);
    const round = before ? Number(before.job.split('-').at(-1)) + 1 : 1;
    const job = `export-${backend}-${createHash('sha256').update(id).digest('hex').slice(0, 16)}-${round}`;
    const full = { ...spec, id, destination: destination.uri, connection: destination.connection };
    // Written down before it starts, so that the id stays taken whatever happens next; only one of two can replace a row.
    const changed = before
      ? await this.#db.run(
          `UPDATE exports SET job = ?, spec = ?, path = ?, classes = ?, started_at = ?, submitted = 0
           WHERE backend = ? AND id = ? AND job = ?`,
          ...[job, JSON.stringify(full), path, JSON.stringify(classes), Date.now(), backend, id, before.job],
        )
      : await this.#db.run(
          `INSERT INTO exports (job, spec, path, classes, started_at, backend, id) VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT DO NOTHING`,
          ...[job, JSON.stringify(full), path, JSON.stringify(classes), Date.now(), backend, id],
        );
    if (changed === 0) throw taken(backend, id);
    const defined = JSON.parse(JSON.stringify(full)) as Json;
    const started = await this.#submit(job, defined);
    return { record: await this.get(backend, id), job: started };
  }

  /** Undefined while it is being started. */
  jobOf(job: string): Promise<JobRecord | undefined> {
    return found(this.#engine.get(job));
  }

  /** @throws SluiceError NOT_FOUND */
  async get(backend: string, id: string): Promise<ExportRecord> {
    const row = await this.#find(backend, id);
    if (row) return toRecord(row);
    throw new SluiceError('NOT_FOUND', `There is no export "${id}" of the backend "${backend}".`);
  }

  /** Newest first. */
  async list(backend?: string, limit = 100): Promise<ExportRecord[]> {
    return (
      await this.#db.all<Row>(
        'SELECT * FROM exports WHERE backend = coalesce(?, backend) ORDER BY started_at DESC, seq DESC LIMIT ?',
        backend ?? null,
        limit,
      )
    ).map(toRecord);
  }

  /** An export that cannot be started is none. */
  async #submit(job: string, spec: Json): Promise<JobRecord> {
    try {
      const record = await this.#engine.submit('vector-export', spec, { id: job });
      await this.#db.run('UPDATE exports SET submitted = 1 WHERE job = ?', job);
      return record;
    } catch (error) {
      await this.#db.run('DELETE FROM exports WHERE job = ?', job);
      throw error;
    }
  }

  #find(backend: string, id: string): Promise<Row | undefined> {
    return this.#db.get<Row>('SELECT * FROM exports WHERE backend = ? AND id = ?', backend, id);
  }

  /** Another Sluice, or Weaviate itself, may have exported under this id to the same place. */
  async #requireFree(destination: Destination, id: string, backend: string): Promise<void> {
    const { store, path } = await this.#open(destination.uri, { connection: destination.connection });
    if (await findObject(store, `${asFolder(path)}${id}/${METADATA_FILE}`)) throw taken(backend, id);
  }
}

function toRecord(row: Row): ExportRecord {
  const { backend, id, job, path } = row;
  return {
    backend,
    id,
    job,
    path,
    classes: JSON.parse(row.classes) as string[],
    startedAt: row.started_at,
  };
}

const taken = (backend: string, id: string): SluiceError =>
  new SluiceError(
    'ALREADY_EXISTS',
    `There is an export "${id}" of the backend "${backend}" already; choose another id.`,
  );

/** The classes that a request means. @throws SluiceError BAD_SPEC for what Weaviate answers with 422 */
export async function classesOf(request: ExportRequest, client: WeaviateClient): Promise<string[]> {
  const { id, file_format = 'parquet' } = request;
  const include = (request.include ?? []).map(capitalized);
  const exclude = new Set((request.exclude ?? []).map(capitalized));
  if (!JOB_NAME.test(id)) {
    throw bad(`The id "${id}" must be 1 to 128 of a-z, 0-9, "-" and "_".`);
  }
  if (file_format !== 'parquet') throw bad(`The file format can be parquet, and not "${file_format}".`);
  if (include.length > 0 && exclude.size > 0) throw bad('include and exclude cannot be used together.');
  const there = (await client.classes()).map((schema) => schema.class);
  const missing = include.find((name) => !there.includes(name));
  if (missing !== undefined) throw bad(`There is no class "${missing}" to be included.`);
  const chosen = there.filter((name) => (include.length > 0 ? include.includes(name) : !exclude.has(name)));
  if (chosen.length === 0) throw bad('There is no class left to export.');
  return chosen;
}

/** Weaviate's names of classes begin with a capital letter, however they were written. */
function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

const bad = (message: string): SluiceError => new SluiceError('BAD_SPEC', message);
