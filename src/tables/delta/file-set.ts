import { hash } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type Add, deletionVectorId, liveRecords, type Remove } from './actions.ts';
import { deletionVectorFile } from './deletion-vectors.ts';
import { decodePath, isAbsolute } from './paths.ts';

/** What is known of a file in the object store behind the lake. */
export interface StoredFile {
  /** `s3://bucket/key`, the key not encoded. */
  address: string;
  size: number;
  checksum: string;
  /** The lake's path of it. */
  path: string;
  /** Its name at the target, where it has another one there. */
  placed?: string;
}

/** What a list of files comes to; equal totals are the same list. */
export interface Totals {
  files: number;
  /** Sum of file sizes. */
  bytes: number;
  /** Rows that are not deleted; undefined when a file has no statistics. */
  records: number | undefined;
  /** Sum of a hash of each file's path, deletion vector and size; hex. Does not depend on order. */
  digest: string;
}

const NEEDED = `SELECT path AS name FROM files WHERE needed
  UNION SELECT needs_vector FROM files WHERE needs_vector IS NOT NULL`;

/**
 * Files of a table, each by its path and deletion vector, newest word first: what is put for a key that is known
 * is ignored. Lies in a temporary database of SQLite, which spills to disk, so a table of any size takes little memory.
 */
export class FileSet {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  #note: StatementSync | undefined;
  #stored: StatementSync | undefined;
  #find: StatementSync | undefined;
  #mark: StatementSync | undefined;
  #needs: StatementSync | undefined;
  #pending = 0;

  readonly #needsRemoved: boolean;

  /** @param needsRemoved whether files that were taken out are needed too, to say where they are */
  constructor(needsRemoved = false) {
    this.#needsRemoved = needsRemoved;
    this.#database = new DatabaseSync('');
    this.#database.exec(`
      PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;
      CREATE TABLE files (path TEXT NOT NULL, vector TEXT NOT NULL, live INTEGER NOT NULL, size INTEGER,
        records INTEGER, needed INTEGER NOT NULL, needs_vector TEXT, action TEXT NOT NULL);
      CREATE UNIQUE INDEX keys ON files (path, vector);
      CREATE TABLE stored (name TEXT PRIMARY KEY, address TEXT NOT NULL, size INTEGER NOT NULL,
        checksum TEXT NOT NULL, path TEXT NOT NULL, placed TEXT) WITHOUT ROWID;
      CREATE INDEX vectors ON files (needs_vector) WHERE needs_vector IS NOT NULL;
      BEGIN`);
    this.#insert = this.#database.prepare('INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  }

  /** @returns false when a newer action on the same file is known */
  putAdd(add: Add): boolean {
    return this.#put(add, 1, true, liveRecords(add));
  }

  /** @returns false when a newer action on the same file is known */
  putRemove(remove: Remove): boolean {
    return this.#put(remove, 0, this.#needsRemoved, undefined);
  }

  #put(action: Add | Remove, live: 0 | 1, needed: boolean, records: number | undefined): boolean {
    if (++this.#pending === 100_000) {
      this.#database.exec('COMMIT; BEGIN');
      this.#pending = 0;
    }
    const path = decodePath(action.path);
    const vector = action.deletionVector;
    const vectorFile = needed && vector?.storageType === 'u' ? deletionVectorFile(vector)! : null;
    const result = this.#insert.run(
      path,
      deletionVectorId(vector),
      live,
      action.size ?? null,
      records ?? null,
      needed && !isAbsolute(action.path) ? 1 : 0,
      vectorFile,
      JSON.stringify(action),
    );
    return result.changes === 1;
  }

  /** Relative names of the data and deletion vector files that are needed, each once, in key order. */
  *neededFiles(): Generator<string> {
    for (const [name] of this.#rows(`${NEEDED} ORDER BY 1`)) yield name as string;
  }

  /** Whether a file that is live needs this data or deletion vector file. */
  needs(name: string): boolean {
    this.#needs ??= this.#database.prepare(
      'SELECT 1 FROM files WHERE live > 0 AND path = ? UNION ALL SELECT 1 FROM files WHERE live > 0 AND needs_vector = ? LIMIT 1',
    );
    return this.#needs.get(name, name) !== undefined;
  }

  noteStored(name: string, { address, size, checksum, path, placed }: StoredFile): void {
    this.#note ??= this.#database.prepare('INSERT OR REPLACE INTO stored VALUES (?, ?, ?, ?, ?, ?)');
    this.#note.run(name, address, size, checksum, path, placed ?? null);
  }

  /** What `noteStored` was told. */
  stored(name: string): StoredFile | undefined {
    this.#stored ??= this.#prepare('SELECT address, size, checksum, path, placed FROM stored WHERE name = ?');
    const row = this.#stored.get(name) as unknown as
      | [string, number, string, string, string | null]
      | undefined;
    if (!row) return undefined;
    const [address, size, checksum, path, placed] = row;
    return { address, size, checksum, path, placed: placed ?? undefined };
  }

  /** Live files in order of their path (bytes of UTF-8). */
  adds(): Generator<Add> {
    return this.#actions<Add>('live > 0');
  }

  /** Files that were taken out, as far as the log still remembers. */
  removes(): Generator<Remove> {
    return this.#actions<Remove>('live = 0');
  }

  *#actions<T>(which: string): Generator<T> {
    const rows = this.#rows(`SELECT action FROM files WHERE ${which} ORDER BY path, vector`);
    for (const [action] of rows) yield JSON.parse(action as string) as T;
  }

  /** Its rows come as arrays, which costs half as much as objects do. */
  #prepare(select: string): StatementSync {
    const statement = this.#database.prepare(select);
    statement.setReturnArrays(true);
    return statement;
  }

  #rows(select: string): Iterable<unknown[]> {
    return this.#prepare(select).iterate() as unknown as Iterable<unknown[]>;
  }

  /** The live file of this path and deletion vector. */
  find(action: { path: string; deletionVector?: Add['deletionVector'] }): Add | undefined {
    this.#find ??= this.#database.prepare(
      'SELECT action FROM files WHERE path = ? AND vector = ? AND live > 0',
    );
    const row = this.#find.get(decodePath(action.path), deletionVectorId(action.deletionVector));
    return row && (JSON.parse(row.action as string) as Add);
  }

  /** Marks a live file as one that stays; `unmarked` gives the others. */
  mark(action: { path: string; deletionVector?: Add['deletionVector'] }): void {
    this.#mark ??= this.#database.prepare('UPDATE files SET live = 2 WHERE path = ? AND vector = ?');
    this.#mark.run(decodePath(action.path), deletionVectorId(action.deletionVector));
  }

  unmarked(): Generator<Add> {
    return this.#actions<Add>('live = 1');
  }

  /** Rows that went with a removed file, where its own statistics or those of the same file's new entry tell. */
  recordsOf(remove: Remove): number | undefined {
    const stats =
      remove.stats ??
      [
        ...this.#database
          .prepare('SELECT action FROM files WHERE path = ? AND live > 0')
          .iterate(decodePath(remove.path)),
      ]
        .map((row) => (JSON.parse(row.action as string) as Add).stats)
        .find((text) => text !== undefined);
    return liveRecords({ stats, deletionVector: remove.deletionVector });
  }

  totals(): Totals {
    const rows = this.#rows('SELECT path, vector, size, records FROM files WHERE live > 0');
    const sum = new TotalsSum();
    for (const row of rows as Iterable<[string, string, number, number | null]>) {
      const [path, vector, size, records] = row;
      sum.change(path, vector, size, records ?? undefined, 1);
    }
    return sum.totals();
  }

  close(): void {
    this.#database.close();
  }
}

/** Totals that follow single files coming and going. */
export class TotalsSum {
  #files = 0;
  #bytes = 0;
  #records: number | undefined = 0;
  #digest = 0n;

  constructor(from?: Totals) {
    if (!from) return;
    this.#files = from.files;
    this.#bytes = from.bytes;
    this.#records = from.records;
    this.#digest = BigInt(`0x${from.digest}`);
  }

  add(add: Add): void {
    this.change(decodePath(add.path), deletionVectorId(add.deletionVector), add.size, liveRecords(add), 1);
  }

  /** @param records rows that the file had left */
  remove(remove: Remove, records: number | undefined): void {
    this.change(
      decodePath(remove.path),
      deletionVectorId(remove.deletionVector),
      remove.size ?? 0,
      records,
      -1,
    );
  }

  change(path: string, vector: string, size: number, records: number | undefined, sign: 1 | -1): void {
    this.#files += sign;
    this.#bytes += sign * size;
    this.#records =
      this.#records === undefined || records === undefined ? undefined : this.#records + sign * records;
    const bytes = hash('sha1', `${path}\n${vector}\n${size}`, 'buffer');
    const number = (bytes.readBigUInt64BE(0) << 64n) | bytes.readBigUInt64BE(8);
    this.#digest = BigInt.asUintN(128, sign > 0 ? this.#digest + number : this.#digest - number);
  }

  totals(): Totals {
    return {
      files: this.#files,
      bytes: this.#bytes,
      records: this.#records,
      digest: this.#digest.toString(16).padStart(32, '0'),
    };
  }
}
