import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Database } from '../../state/sql.ts';

/** Without a heartbeat for this long, and no way to look at the process itself, an owner counts as dead. */
const SILENCE_MS = 30_000;
const DAY_MS = 24 * 3_600_000;

/** What the database says of an owner. */
export interface Seen {
  host: string;
  pid: number;
  identity: string;
  /** Milliseconds since its last heartbeat. */
  silence: number;
}

/** Engines that live in this very process. */
const alive = new Set<string>();

/** Who runs jobs: one engine in one process. Written down before its first job starts. */
export class Owner {
  readonly id = randomUUID();
  readonly #db: Database;
  #known = false;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Says that this process lives. */
  async beat(): Promise<void> {
    this.#known = true;
    alive.add(this.id);
    await this.#db.run(
      `INSERT INTO owners (id, host, pid, identity, heartbeat) VALUES (?, ?, ?, ?, ${this.#db.clock})
       ON CONFLICT (id) DO UPDATE SET heartbeat = excluded.heartbeat`,
      this.id,
      machine(),
      process.pid,
      processIdentity(process.pid) ?? '',
    );
  }

  /** Whether the process behind an owner's id still runs. */
  lives(id: string, seen: Seen | undefined): boolean {
    if (alive.has(id)) return true;
    if (!seen) return false;
    // While nobody could reach the database, silence was no sign of death.
    const fresh = seen.silence < SILENCE_MS || !this.#db.reachableFor(SILENCE_MS);
    if (seen.host !== machine()) return fresh;
    if (seen.pid === process.pid || !pidExists(seen.pid)) return false;
    const identity = processIdentity(seen.pid);
    return identity === undefined || seen.identity === '' ? fresh : identity === seen.identity;
  }

  async close(): Promise<void> {
    if (!this.#known) return;
    alive.delete(this.id);
    // Who is not in the table is dead, so the long dead need no row.
    await this.#db.run(
      `DELETE FROM owners WHERE id = ? OR heartbeat < ${this.#db.clock} - ${DAY_MS}`,
      this.id,
    );
  }
}

let here: string | undefined;

/**
 * Where process ids mean the same as here: two containers may have the same host name, and each its own process 1.
 */
function machine(): string {
  if (here === undefined) {
    const parts = [hostname()];
    try {
      parts.push(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
      parts.push(readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''));
    } catch {
      // Not on Linux.
    }
    here = parts.join('/');
  }
  return here;
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * When the process started, in ticks since boot: field 22 of /proc/PID/stat (Linux only); 'dead' for one that
 * was killed and not yet collected by its parent (state Z).
 */
function processIdentity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'dead' : fields[19];
  } catch {
    return undefined;
  }
}
