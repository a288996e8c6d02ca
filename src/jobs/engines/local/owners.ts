import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Database } from './database.ts';

/** Without a heartbeat for this long, and no way to look at the process itself, an owner counts as dead. */
const SILENCE_MS = 30_000;
const DAY_MS = 24 * 3_600_000;

/** Engines that live in this very process. */
const alive = new Set<string>();

/** Who runs jobs: one engine in one process. Written down when its first job starts. */
export class Owner {
  readonly id = randomUUID();
  readonly #db: Database;
  #registered = false;

  constructor(db: Database) {
    this.#db = db;
  }

  register(): void {
    if (this.#registered) return;
    this.#registered = true;
    alive.add(this.id);
    this.#db.run(
      'INSERT INTO owners (id, host, pid, identity, heartbeat) VALUES (?, ?, ?, ?, ?)',
      this.id,
      hostname(),
      process.pid,
      processIdentity(process.pid) ?? '',
      Date.now(),
    );
  }

  beat(): void {
    this.#db.run('UPDATE owners SET heartbeat = ? WHERE id = ?', Date.now(), this.id);
  }

  /** Whether the process behind an owner's id still runs. */
  lives(id: string): boolean {
    if (alive.has(id)) return true;
    const row = this.#db.get('SELECT host, pid, identity, heartbeat FROM owners WHERE id = ?', id);
    if (!row) return false;
    const pid = Number(row.pid);
    const fresh = Date.now() - Number(row.heartbeat) < SILENCE_MS;
    if (row.host !== hostname()) return fresh;
    if (pid === process.pid || !pidExists(pid)) return false;
    const identity = processIdentity(pid);
    return identity === undefined || row.identity === '' ? fresh : identity === row.identity;
  }

  close(): void {
    if (!this.#registered) return;
    alive.delete(this.id);
    this.#db.run('DELETE FROM owners WHERE id = ?', this.id);
    // Who is not in the table is dead, so the long dead need no row.
    for (const { id } of this.#db.all('SELECT id FROM owners WHERE heartbeat < ?', Date.now() - DAY_MS)) {
      if (!this.lives(id as string)) this.#db.run('DELETE FROM owners WHERE id = ?', id as string);
    }
  }
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
