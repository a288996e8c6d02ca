import { isError, SluiceError } from '../../base/errors.ts';
import { type Polling, SQL_POLLING } from '../databricks/polling.ts';
import { identifier, literal, runSql } from '../databricks/sql.ts';
import type { RestClient } from '../rest.ts';
import type { Catalog, CatalogTable, Registered } from './catalog.ts';
import { externalLocations } from './external-locations.ts';

const API = '/api/2.1/unity-catalog';

interface TableInfo {
  table_type: string;
  data_source_format?: string;
  storage_location?: string;
}

/**
 * Unity Catalog of a Databricks workspace: looked at by REST, changed by SQL on a warehouse. A table that is there at
 * its location is brought up to date in place, so readers never miss it.
 */
export class DatabricksCatalog implements Catalog {
  readonly name: string;
  readonly #rest: RestClient;
  readonly #warehouse: string;
  readonly #catalog: string;
  readonly #polling: Polling;

  constructor(rest: RestClient, warehouseId: string, catalog: string, polling: Polling = SQL_POLLING) {
    this.name = `${rest.name}, catalog ${catalog}`;
    this.#rest = rest;
    this.#warehouse = warehouseId;
    this.#catalog = catalog;
    this.#polling = polling;
  }

  async register(table: CatalogTable, signal: AbortSignal): Promise<Registered> {
    const fullName = `${this.#catalog}.${table.schema}.${table.name}`;
    const there = await this.#find<TableInfo>('tables', fullName, signal);
    if (!there) {
      await this.#prepareSchema(table.schema, signal);
      await this.#create(table, signal);
      return { fullName, action: 'created' };
    }
    if (there.table_type !== 'EXTERNAL' || (there.data_source_format ?? 'DELTA') !== 'DELTA') {
      throw new SluiceError(
        'CONFLICT',
        `${fullName} is a ${there.table_type} table of format ${there.data_source_format}, not an external Delta table; it is left as it is. Remove it, or give the exported table another name.`,
      );
    }
    if (trimmed(there.storage_location) === trimmed(table.location)) {
      await this.#sql(`MSCK REPAIR TABLE ${this.#quoted(table.schema, table.name)} SYNC METADATA`, signal);
      return { fullName, action: 'refreshed' };
    }
    await this.drop(fullName, signal);
    await this.#create(table, signal);
    return { fullName, action: 'moved' };
  }

  async drop(fullName: string, signal: AbortSignal): Promise<void> {
    const [, schema, name] = /^[^.]*\.([^.]*)\.(.*)$/s.exec(fullName)!;
    await this.#sql(`DROP TABLE IF EXISTS ${this.#quoted(schema!, name!)}`, signal);
  }

  externalLocations(signal: AbortSignal): Promise<string[] | undefined> {
    return externalLocations(this.#rest, signal);
  }

  async #prepareSchema(schema: string, signal: AbortSignal): Promise<void> {
    if (await this.#find('schemas', `${this.#catalog}.${schema}`, signal)) return;
    if (!(await this.#find('catalogs', this.#catalog, signal))) {
      await this.#sql(`CREATE CATALOG IF NOT EXISTS ${identifier(this.#catalog)}`, signal);
    }
    await this.#sql(`CREATE SCHEMA IF NOT EXISTS ${identifier(this.#catalog)}.${identifier(schema)}`, signal);
  }

  async #create(table: CatalogTable, signal: AbortSignal): Promise<void> {
    await this.#sql(
      `CREATE TABLE IF NOT EXISTS ${this.#quoted(table.schema, table.name)} USING DELTA LOCATION ${literal(table.location)}`,
      signal,
    );
  }

  #quoted(schema: string, name: string): string {
    return [this.#catalog, schema, name].map(identifier).join('.');
  }

  #sql(statement: string, signal: AbortSignal): Promise<void> {
    return runSql(this.#rest, this.#warehouse, statement, this.#polling, signal);
  }

  async #find<T>(kind: string, fullName: string, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.#rest.call<T>({
        method: 'GET',
        path: `${API}/${kind}/${encodeURIComponent(fullName)}`,
        signal,
      });
    } catch (error) {
      if (isError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

const trimmed = (location: string | undefined): string => (location ?? '').replace(/\/+$/, '');
