import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSql } from './sql.ts';

export interface UnityTable {
  name: string;
  catalog_name: string;
  schema_name: string;
  table_type: string;
  data_source_format: string;
  storage_location: string;
  columns?: unknown[];
  comment?: string;
}

/** What goes wrong once, for requests whose method and path match. */
export interface Fault {
  on: RegExp;
  /** A status with an optional Retry-After in seconds, or a connection that is cut. */
  give: number | 'cut';
  retryAfter?: number;
  /** Whether the request is done before the answer is lost. */
  done?: boolean;
}

interface Run {
  run_id: number;
  state: { life_cycle_state: string; result_state?: string; state_message?: string };
  error?: string;
  parameters: Record<string, string>;
}

interface SqlStatement {
  statement_id: string;
  status: { state: string; error?: { error_code: string; message: string } };
}

interface Answer {
  status: number;
  body?: unknown;
}

export interface WorkspaceOptions {
  /** Does what the notebook does. */
  notebook?: (parameters: Record<string, string>) => Promise<void>;
  /** Milliseconds that the cluster and the warehouse take to start. */
  coldStart?: number;
  /** Statements that match never end. */
  hang?: RegExp;
}

const fail = (status: number, error_code: string, message: string): Answer => ({
  status,
  body: { error_code, message },
});

/**
 * A Databricks workspace, and an open-source Unity Catalog, as their clients see them: Jobs, SQL statements, Unity
 * Catalog and OAuth by REST, with cold starts and with faults that a test asks for.
 */
export class Workspace {
  readonly token = 'dapi-secret';
  readonly client = { id: 'robot', secret: 'robot-secret' };
  readonly catalogs = new Set<string>();
  readonly schemas = new Set<string>();
  readonly tables = new Map<string, UnityTable>();
  /** Shown two a page; undefined: this catalog has no such call. */
  externalLocations: string[] | undefined;
  readonly runs = new Map<number, Run>();
  /** `METHOD path` of every request. */
  readonly requests: string[] = [];
  readonly statements: string[] = [];
  readonly faults: Fault[] = [];
  /** Full names that a reader would have missed at some moment after they first appeared. */
  readonly gaps: string[] = [];
  readonly #options: WorkspaceOptions;
  readonly #server: Server;
  readonly #tokens = new Map<string, Run>();
  readonly #sql = new Map<string, SqlStatement>();
  #issued = 0;
  #warm = false;

  constructor(options: WorkspaceOptions = {}) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url!, this.url);
    const call = `${request.method} ${decodeURIComponent(url.pathname)}`;
    this.requests.push(call);
    const at = this.faults.findIndex((fault) => fault.on.test(call));
    const [fault] = at < 0 ? [] : this.faults.splice(at, 1);
    let answer: Answer = { status: 500 };
    if (!fault || fault.done) {
      const text = Buffer.concat(chunks).toString();
      answer = this.#allowed(request, url)
        ? await this.#answer(call, url, text)
        : fail(401, 'UNAUTHENTICATED', 'no');
    }
    if (fault?.give === 'cut') {
      request.socket.destroy();
      return;
    }
    if (fault) answer = fail(fault.give as number, 'TEMPORARILY_UNAVAILABLE', 'come back later');
    const headers = {
      'content-type': 'application/json',
      ...(fault?.retryAfter ? { 'retry-after': String(fault.retryAfter) } : {}),
    };
    response.writeHead(answer.status, headers).end(JSON.stringify(answer.body ?? {}));
  }

  #allowed(request: IncomingMessage, url: URL): boolean {
    if (url.pathname === '/oidc/v1/token') return true;
    const { authorization = '' } = request.headers;
    return authorization === `Bearer ${this.token}` || authorization === `Bearer oauth-${this.#issued}`;
  }

  async #answer(call: string, url: URL, text: string): Promise<Answer> {
    if (url.pathname === '/oidc/v1/token') {
      return {
        status: 200,
        body: { access_token: `oauth-${++this.#issued}`, expires_in: 3600, token_type: 'Bearer' },
      };
    }
    const body = text === '' ? {} : JSON.parse(text);
    if (call === 'GET /api/2.1/unity-catalog/external-locations') return this.#locations(url);
    const unity = /^(\w+) \/api\/2\.1\/unity-catalog\/(catalogs|schemas|tables)(?:\/(.*))?$/.exec(call);
    if (unity) return this.#unity(unity[1]!, unity[2]!, unity[3], body);
    if (call === 'GET /api/2.0/sql/warehouses/w') return { status: 200, body: { id: 'w', state: 'STOPPED' } };
    if (call === 'POST /api/2.1/jobs/runs/submit') return this.#submit(body);
    const run = this.runs.get(Number(url.searchParams.get('run_id') ?? body.run_id));
    if (call.includes('/api/2.1/jobs/')) {
      if (!run) return fail(400, 'INVALID_PARAMETER_VALUE', 'Run does not exist.');
      if (call === 'GET /api/2.1/jobs/runs/get') {
        const { run_id, state } = run;
        return {
          status: 200,
          body: { run_id, state, run_page_url: `${this.url}/#run/${run_id}`, tasks: [{ run_id }] },
        };
      }
      if (call === 'GET /api/2.1/jobs/runs/get-output') return { status: 200, body: { error: run.error } };
      run.state = { life_cycle_state: 'TERMINATED', result_state: 'CANCELED' };
      return { status: 200 };
    }
    if (call === 'POST /api/2.0/sql/statements') return this.#statement(body.statement);
    const sql = /^(GET|POST) \/api\/2\.0\/sql\/statements\/([^/]+)(\/cancel)?$/.exec(call);
    const known = sql && this.#sql.get(sql[2]!);
    if (!known) return fail(404, 'ENDPOINT_NOT_FOUND', call);
    if (sql[3]) known.status = { state: 'CANCELED' };
    return { status: 200, body: known };
  }

  #locations(url: URL): Answer {
    if (!this.externalLocations) return fail(404, 'ENDPOINT_NOT_FOUND', 'external-locations');
    const from = Number(url.searchParams.get('page_token') ?? 0);
    const more = from + 2 < this.externalLocations.length ? { next_page_token: String(from + 2) } : {};
    const shown = this.externalLocations
      .slice(from, from + 2)
      .map((each, i) => ({ name: `l${i}`, url: each }));
    return { status: 200, body: { external_locations: shown, ...more } };
  }

  #submit(body: {
    idempotency_token: string;
    tasks: [{ notebook_task: { base_parameters: Record<string, string> } }];
  }): Answer {
    const known = this.#tokens.get(body.idempotency_token);
    if (known) return { status: 200, body: { run_id: known.run_id } };
    const run: Run = {
      run_id: this.runs.size + 1,
      state: { life_cycle_state: 'PENDING' },
      parameters: body.tasks[0].notebook_task.base_parameters,
    };
    this.runs.set(run.run_id, run);
    this.#tokens.set(body.idempotency_token, run);
    void this.#runNotebook(run);
    return { status: 200, body: { run_id: run.run_id } };
  }

  async #runNotebook(run: Run): Promise<void> {
    await this.#start();
    if (run.state.life_cycle_state === 'TERMINATED') return;
    run.state = { life_cycle_state: 'RUNNING' };
    try {
      await this.#options.notebook?.(run.parameters);
      run.state = { life_cycle_state: 'TERMINATED', result_state: 'SUCCESS' };
    } catch (error) {
      run.error = (error as Error).message;
      run.state = {
        life_cycle_state: 'TERMINATED',
        result_state: 'FAILED',
        state_message: 'Workload failed, see run output',
      };
    }
  }

  async #start(): Promise<void> {
    if (this.#warm) return;
    await sleep(this.#options.coldStart ?? 0);
    this.#warm = true;
  }

  #statement(text: string): Answer {
    this.statements.push(text);
    const statement: SqlStatement = { statement_id: `s${this.#sql.size + 1}`, status: { state: 'PENDING' } };
    this.#sql.set(statement.statement_id, statement);
    if (!this.#options.hang?.test(text)) void this.#runSql(statement, text);
    return { status: 200, body: { ...statement } };
  }

  async #runSql(statement: SqlStatement, text: string): Promise<void> {
    await this.#start();
    if (statement.status.state === 'CANCELED') return;
    try {
      const parsed = parseSql(text);
      const name = parsed.name.join('.');
      if (parsed.verb === 'create catalog') this.catalogs.add(name);
      if (parsed.verb === 'create schema') this.schemas.add(name);
      if (parsed.verb === 'drop') this.#drop(name);
      if (parsed.verb === 'create table' && !this.tables.has(name)) {
        if (!this.schemas.has(parsed.name.slice(0, 2).join('.'))) throw new Error('[SCHEMA_NOT_FOUND]');
        const [catalog_name, schema_name, table] = parsed.name as [string, string, string];
        this.tables.set(name, {
          name: table,
          catalog_name,
          schema_name,
          table_type: 'EXTERNAL',
          data_source_format: 'DELTA',
          storage_location: parsed.location,
        });
      }
      statement.status = { state: 'SUCCEEDED' };
    } catch (error) {
      statement.status = {
        state: 'FAILED',
        error: { error_code: 'BAD_REQUEST', message: (error as Error).message },
      };
    }
  }

  #drop(name: string): void {
    if (this.tables.delete(name)) this.gaps.push(name);
  }

  #unity(method: string, kind: string, name: string | undefined, body: Record<string, string>): Answer {
    const notFound = fail(404, 'NOT_FOUND', `${kind} ${name} does not exist`);
    if (kind === 'tables') {
      if (method === 'POST') {
        const full = `${body.catalog_name}.${body.schema_name}.${body.name}`;
        if (!this.schemas.has(`${body.catalog_name}.${body.schema_name}`))
          return fail(404, 'NOT_FOUND', 'no schema');
        if (this.tables.has(full)) return fail(409, 'ALREADY_EXISTS', `${full} exists`);
        this.tables.set(full, body as unknown as UnityTable);
        return { status: 200, body };
      }
      if (!this.tables.has(name!)) return notFound;
      if (method === 'GET') return { status: 200, body: this.tables.get(name!) };
      this.#drop(name!);
      return { status: 200 };
    }
    if (method === 'GET' && name === undefined) {
      return { status: 200, body: { [kind]: [...this.catalogs].map((each) => ({ name: each })) } };
    }
    const names = kind === 'catalogs' ? this.catalogs : this.schemas;
    if (method === 'POST') {
      const full = kind === 'catalogs' ? body.name! : `${body.catalog_name}.${body.name}`;
      if (names.has(full)) return fail(409, 'ALREADY_EXISTS', `${full} exists`);
      names.add(full);
      return { status: 200, body };
    }
    return names.has(name!) ? { status: 200, body: { name } } : notFound;
  }
}
