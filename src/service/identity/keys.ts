import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { SluiceError } from '../../base/errors.ts';
import type { Sql } from '../../jobs/state/sql.ts';
import { checkRole, type Identity } from './roles.ts';

export interface KeyRecord {
  /** The part of the key that is no secret. */
  id: string;
  name: string;
  roles: string[];
  /** Milliseconds since 1970, as all times here. */
  createdAt: number;
  expiresAt: number | null;
  lastUsed: number | null;
  revokedAt: number | null;
}

interface Row {
  id: string;
  name: string;
  hash: string;
  roles: string;
  created_at: number;
  expires_at: number | null;
  last_used: number | null;
  revoked_at: number | null;
}

/** How often a key's last use is written down at most. */
const USE_STEP = 60_000;
const KEY = /^slk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** Whether a bearer token has the form of a key of Sluice. */
export function isSluiceKey(token: string): boolean {
  return KEY.test(token);
}

/** API keys. Of the secret only its SHA-256 is kept; 32 random bytes need no slower hash. */
export class Keys {
  readonly #db: Sql;

  constructor(db: Sql) {
    this.#db = db;
  }

  /**
   * @param options.expiresAt milliseconds since 1970
   * @returns the key, which can't be had again
   * @throws SluiceError USAGE, ALREADY_EXISTS
   */
  async create(options: {
    name: string;
    roles: readonly string[];
    expiresAt?: number | undefined;
  }): Promise<{ key: string; record: KeyRecord }> {
    const { name, expiresAt } = options;
    if (!/^[\w.@ -]{1,64}$/.test(name)) {
      throw new SluiceError(
        'USAGE',
        `A key's name must be 1 to 64 letters, digits, spaces or any of ._@-, and not "${name}".`,
      );
    }
    const roles = [...new Set(options.roles.map(checkRole))];
    const id = randomBytes(6).toString('hex');
    const secret = randomBytes(32).toString('base64url');
    // A name is free again once its key was revoked.
    await this.#db.run('DELETE FROM keys WHERE name = ? AND revoked_at IS NOT NULL', name);
    const made = await this.#db.run(
      `INSERT INTO keys (id, name, hash, roles, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO NOTHING`,
      ...[id, name, hashOf(secret).toString('hex'), JSON.stringify(roles), Date.now(), expiresAt ?? null],
    );
    if (made === 0) {
      throw new SluiceError(
        'ALREADY_EXISTS',
        `There is a key "${name}" already; revoke it first, or choose another name.`,
      );
    }
    return { key: `slk_${id}_${secret}`, record: (await this.list()).find((key) => key.id === id)! };
  }

  /** Those that were not revoked, by name. */
  async list(): Promise<KeyRecord[]> {
    const rows = await this.#db.all<Row>('SELECT * FROM keys WHERE revoked_at IS NULL ORDER BY name');
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      roles: JSON.parse(row.roles) as string[],
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      lastUsed: row.last_used,
      revokedAt: row.revoked_at,
    }));
  }

  /** @param nameOrId @throws SluiceError NOT_FOUND */
  async revoke(nameOrId: string): Promise<void> {
    const changed = await this.#db.run(
      'UPDATE keys SET revoked_at = ? WHERE (name = ? OR id = ?) AND revoked_at IS NULL',
      Date.now(),
      nameOrId,
      nameOrId,
    );
    if (changed === 0) throw new SluiceError('NOT_FOUND', `There is no key "${nameOrId}".`);
  }

  /** Whose key this is; undefined for one that is wrong, revoked or over. */
  async identify(key: string): Promise<Identity | undefined> {
    const match = KEY.exec(key);
    if (!match) return undefined;
    const row = await this.#db.get<Row>(
      `SELECT name, hash, roles, last_used FROM keys
       WHERE id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`,
      match[1]!,
      Date.now(),
    );
    if (!row || !timingSafeEqual(hashOf(match[2]!), Buffer.from(row.hash, 'hex'))) return undefined;
    if (Date.now() - (row.last_used ?? 0) > USE_STEP) {
      await this.#db.run('UPDATE keys SET last_used = ? WHERE id = ?', Date.now(), match[1]!);
    }
    return { name: `key:${row.name}`, roles: JSON.parse(row.roles) as string[] };
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares secrets in a time that tells nothing of them. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(hashOf(a), hashOf(b));
}
