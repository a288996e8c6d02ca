import { isError, SluiceError } from '../../../base/errors.ts';
import type { RestClient } from '../../rest.ts';
import type { Catalog, CatalogTable, Registered } from '../catalog.ts';
import { externalLocations } from '../external-locations.ts';
import { type UnityColumn, unityColumns } from './columns.ts';

const API = '/api/2.1/unity-catalog';

interface TableInfo {
  table_type: string;
  data_source_format?: string;
  storage_location?: string;
  columns?: UnityColumn[];
}

/**
 * Open-source Unity Catalog, by REST. A table that is there at its location is left in place even when its columns
 * changed (the API has no way to change them): Delta readers take the columns from the log. `replaceColumns` makes it
 * anew, which takes it away for the time between two requests.
 */
export class UnityCatalog implements Catalog {
  readonly name: string;
  readonly #rest: RestClient;
  readonly #catalog: string;
  readonly #replaceColumns: boolean;
  readonly #known = new Set<string>();

  constructor(rest: RestClient, catalog: string, options: { replaceColumns?: boolean } = {}) {
    this.name = `${rest.name}, catalog ${catalog}`;
    this.#rest = rest;
    this.#catalog = catalog;
    this.#replaceColumns = options.replaceColumns ?? false;
  }

  async register(table: CatalogTable, signal: AbortSignal): Promise<Registered> {
    await this.#ensure('catalogs', this.#catalog, { name: this.#catalog }, signal);
    const schema = `${this.#catalog}.${table.schema}`;
    await this.#ensure('schemas', schema, { name: table.schema, catalog_name: this.#catalog }, signal);
    const fullName = `${schema}.${table.name}`;
    const columns = unityColumns(table.metaData);
    const there = await this.#find<TableInfo>('tables', fullName, signal);
    if (!there) {
      await this.#create(table, columns, signal);
      return { fullName, action: 'created' };
    }
    if (there.table_type !== 'EXTERNAL' || there.data_source_format !== 'DELTA') {
      throw new SluiceError(
        'CONFLICT',
        `${fullName} in ${this.#rest.name} is a ${there.table_type} table of format ${there.data_source_format}, not an external Delta table; it is left as it is. Remove it, or give the exported table another name.`,
      );
    }
    const moved = trimmed(there.storage_location) !== trimmed(table.location);
    const sameColumns =
      JSON.stringify((there.columns ?? []).map(essence)) === JSON.stringify(columns.map(essence));
    if (!moved && sameColumns) return { fullName, action: 'unchanged' };
    if (!moved && !this.#replaceColumns) {
      return {
        fullName,
        action: 'unchanged',
        warning: `${fullName} shows the columns that it was made with in ${this.#rest.name}, whose API cannot change them; Delta readers take the new ones from the log. "replace_columns: true" makes the table anew, which takes it away for a moment.`,
      };
    }
    await this.drop(fullName, signal);
    await this.#create(table, columns, signal);
    return { fullName, action: moved ? 'moved' : 'refreshed' };
  }

  async drop(fullName: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#rest.call({
        method: 'DELETE',
        path: `${API}/tables/${encodeURIComponent(fullName)}`,
        signal,
      });
    } catch (error) {
      if (!isError(error, 'NOT_FOUND')) throw error;
    }
  }

  /** A server that keeps its credentials in a file of its own shows none; then nothing can be told. */
  async externalLocations(signal: AbortSignal): Promise<string[] | undefined> {
    const shown = await externalLocations(this.#rest, signal);
    return shown?.length ? shown : undefined;
  }

  async #create(table: CatalogTable, columns: UnityColumn[], signal: AbortSignal): Promise<void> {
    const body = {
      name: table.name,
      catalog_name: this.#catalog,
      schema_name: table.schema,
      table_type: 'EXTERNAL',
      data_source_format: 'DELTA',
      storage_location: table.location,
      columns,
      comment: table.comment,
    };
    try {
      await this.#rest.call({ method: 'POST', path: `${API}/tables`, body, signal });
    } catch (error) {
      // An answer that was lost: the table is there by now.
      if (!isError(error, 'ALREADY_EXISTS')) throw error;
    }
  }

  async #ensure(
    kind: 'catalogs' | 'schemas',
    fullName: string,
    body: object,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#known.has(fullName)) return;
    if (!(await this.#find(kind, fullName, signal))) {
      try {
        await this.#rest.call({ method: 'POST', path: `${API}/${kind}`, body, signal });
      } catch (error) {
        if (!isError(error, 'ALREADY_EXISTS')) throw error;
      }
    }
    this.#known.add(fullName);
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

const essence = ({ name, type_text, position, nullable, partition_index }: UnityColumn): unknown[] => [
  name,
  type_text.toLowerCase(),
  position,
  nullable,
  partition_index ?? null,
];
