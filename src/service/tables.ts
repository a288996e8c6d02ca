import type { Connection, Connections } from '../base/connections.ts';
import { globToRegExp } from '../base/glob.ts';
import type { Json } from '../base/json.ts';
import { asFolder } from '../base/keys.ts';
import type { Settings, TableSettings } from '../config/settings.ts';
import type { Engine } from '../jobs/engine.ts';
import type { Log } from '../jobs/kind.ts';
import type { Database } from '../jobs/state/sql.ts';
import type { OpenStore } from '../stores/open.ts';
import type { Branch } from '../tables/events/event-store.ts';
import { TableEvents } from '../tables/events/table-events.ts';
import { tableArguments } from '../tables/export/hook-args.ts';
import { parseTableExportSpec } from '../tables/export/spec.ts';
import { type Lake, openLake } from '../tables/lake.ts';
import { type TableState, TableStates } from '../tables/state.ts';

type Fields = { [key: string]: Json | undefined };

/** The tables of sluice.yaml, with the secrets that stand in them made connections, as jobs carry names only. */
export function withTableConnections(settings: Settings): Settings {
  const connections: Connection[] = [...settings.connections];
  const tables = settings.tables.map((entry, i): TableSettings => {
    const found = tableArguments({ tables: [entry as unknown as Json] }, entry.repository);
    const [made] = found.connections;
    const { repository, branches } = entry;
    if (!made) return entry;
    const name = `tables-${i + 1}-databricks`;
    connections.push({ ...made, name });
    const databricks = { ...(found.settings.databricks as Fields), connection: name };
    return { ...found.settings, repository, ...(branches ? { branches } : {}), databricks } as TableSettings;
  });
  return { ...settings, connections, tables };
}

/** The settings of a table export for a branch, without its source; undefined: it is not exported. */
export function tableSettings(tables: readonly TableSettings[], of: Branch): Fields | undefined {
  const found = tables.find(({ repository, branches }) => {
    const globs = branches ?? ['**'];
    return repository === of.repository && globs.some((glob) => globToRegExp(glob).test(of.branch));
  });
  if (!found) return undefined;
  return tableArguments({ tables: [found as unknown as Json] }, of.repository).settings;
}

export interface BranchTables extends Branch {
  tables: TableState[];
  /** Why the states cannot be read. */
  error?: string;
}

/** Tables of the lakes: exports after commits, and what is known of each table. */
export class ServiceTables {
  readonly events: TableEvents;
  readonly #tables: readonly TableSettings[];
  readonly #open: OpenStore;

  constructor(parts: {
    settings: Settings;
    connections: Connections;
    open: OpenStore;
    engine: Engine;
    log: Log;
    /** Where events are kept. */
    db: Database;
  }) {
    const { settings, connections } = parts;
    this.#tables = settings.tables;
    this.#open = parts.open;
    const lake = (repository: string): Lake => {
      const named = settings.tables.find((entry) => entry.repository === repository)?.lake_connection;
      return openLake(
        typeof named === 'string' ? connections.named(named) : connections.forUri(`lakefs://${repository}/`),
      );
    };
    // What is wrong with the settings is said now, not when the first commit comes.
    for (const { repository, branches = [] } of settings.tables) {
      this.#spec({ repository, branch: branches[0] ?? 'main' });
      void lake(repository).close();
    }
    this.events = new TableEvents({
      db: parts.db,
      engine: parts.engine,
      lake,
      settings: (branch) => tableSettings(settings.tables, branch),
      log: parts.log,
    });
  }

  /** Branches that the configuration names, and those that events came from. */
  async branches(): Promise<Branch[]> {
    const found = new Map<string, Branch>();
    const add = ({ repository, branch }: Branch): void => {
      found.set(`${repository}/${branch}`, { repository, branch });
    };
    for (const { repository, branches = [] } of this.#tables) {
      for (const branch of branches) if (!/[*?[\]{}\\]/.test(branch)) add({ repository, branch });
    }
    for (const event of await this.events.list({ limit: 1000 })) add(event);
    return [...found.values()];
  }

  async states(of: Branch, signal?: AbortSignal): Promise<TableState[]> {
    const spec = this.#spec(of);
    if (!spec) return [];
    const { target_base_location: base, target_connection: connection } = spec;
    const { store, path } = await this.#open(base, connection === undefined ? {} : { connection });
    return await new TableStates(store, asFolder(path), of.branch).list(signal);
  }

  #spec(of: Branch) {
    const settings = tableSettings(this.#tables, of);
    return (
      settings && parseTableExportSpec({ ...settings, source: `lakefs://${of.repository}/${of.branch}` })
    );
  }
}
