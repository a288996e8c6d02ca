import type { MetaData } from '../delta/actions.ts';

/** A table as a catalog should show it. */
export interface CatalogTable {
  schema: string;
  name: string;
  /** Without a '/' at its end. */
  location: string;
  metaData: MetaData;
  comment: string;
}

export type Registration = 'created' | 'refreshed' | 'unchanged' | 'moved';

export interface Registered {
  fullName: string;
  action: Registration;
  warning?: string;
}

/** Where people look for tables. */
export interface Catalog {
  /** For reports: the connection and the catalog's name. */
  readonly name: string;
  /**
   * Makes the table appear, catalog and schema included, as an external one at its location. A table that is there at
   * this location stays there all the time.
   * @returns its full name, what was done, and what a user should know of it
   * @throws SluiceError CONFLICT when a table of this name is not an external Delta table
   */
  register(table: CatalogTable, signal: AbortSignal): Promise<Registered>;
  /** Takes a table out, its files stay. One that is not there is no error. */
  drop(fullName: string, signal: AbortSignal): Promise<void>;
  /** Folders that the catalog's readers can be given access to; undefined when it does not tell. */
  externalLocations(signal: AbortSignal): Promise<string[] | undefined>;
}
