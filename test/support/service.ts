import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, createApp } from '../../src/app.ts';
import type { Connection } from '../../src/base/connections.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/settings.ts';
import type { LoadKind } from '../../src/jobs/registry.ts';
import { type RunningService, startService } from '../../src/service/server.ts';
import { withTableConnections } from '../../src/service/tables.ts';
import { countingKind } from './counting-kind.ts';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the service answered, looked at by assertions
  json: any;
}

/** A service in this process, with its state in a temporary folder. */
export class TestService {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-service-'));
  readonly #settings: Partial<Settings>;
  readonly #kinds: Record<string, LoadKind>;
  app!: App;
  running!: RunningService;
  /** Sent with every call, where it is set. */
  key: string | undefined;

  constructor(settings: Partial<Settings> = {}, kinds: Record<string, LoadKind> = {}) {
    this.#settings = settings;
    this.#kinds = { counting: async () => countingKind, ...kinds };
  }

  get url(): string {
    return this.running.url;
  }

  async start(settings: Partial<Settings> = {}): Promise<this> {
    const { settings: defaults } = loadSettings({ env: {}, cwd: this.folder });
    const said = { ...this.#settings, ...settings };
    const all = withTableConnections({
      ...defaults,
      state: join(this.folder, 'state'),
      ...said,
      service: { auth: 'none', ...said.service, listen: '127.0.0.1:0' },
    });
    this.app = await createApp(all, { kinds: this.#kinds });
    try {
      this.running = await startService(this.app);
    } catch (error) {
      await this.stop();
      throw error;
    }
    return this;
  }

  async stop(): Promise<void> {
    const { running, app } = this as { running?: RunningService; app?: App };
    Object.assign(this, { running: undefined, app: undefined });
    await running?.close();
    await app?.close();
  }

  /** The same service in a new process, as far as it can tell. */
  async restart(settings: Partial<Settings> = {}): Promise<void> {
    await this.stop();
    await this.start(settings);
  }

  /** Whatever became of it: not started, stopped already, or running. */
  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.key === undefined ? {} : { authorization: `Bearer ${this.key}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      // Not every answer is JSON.
    }
    return { status: response.status, headers: response.headers, text, json };
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.call('GET', path, undefined, headers);
  }

  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.call('POST', path, body, headers);
  }

  /** Waits for a job's end. */
  async ended(id: string) {
    return (await this.app.engine()).wait(id);
  }

  folderOf(name: string): string {
    return join(this.folder, name);
  }
}

export function lakeConnection(server: {
  url: string;
  accessKeyId: string;
  secretAccessKey: string;
}): Connection {
  return {
    name: 'lake',
    type: 'lakefs',
    endpoint: server.url,
    access_key_id: server.accessKeyId,
    secret_access_key: server.secretAccessKey,
  };
}
