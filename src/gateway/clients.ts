import { compareKeys } from '../base/keys.ts';
import type { GatewayClient } from '../router/mapping.ts';

export type Right = 'read' | 'write' | 'delete';

/** A client with its rights in a form that is quick to ask. */
export class Client {
  readonly name: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly #prefixes: Record<Right, readonly string[]>;
  /** On which it has any right. */
  readonly #all: readonly string[];

  constructor(client: GatewayClient) {
    this.name = client.name;
    this.accessKey = client.accessKey;
    this.secretKey = client.secretKey;
    const withRight = (right: Right) =>
      client.allow.filter((rule) => rule[right]).map(({ prefix }) => prefix);
    this.#prefixes = {
      read: withRight('read'),
      write: withRight('write'),
      delete: withRight('delete'),
    };
    this.#all = [...new Set(Object.values(this.#prefixes).flat())];
  }

  /** Whether it has this right on the visible object `scheme://bucket/key`. */
  may(right: Right, scheme: string, bucket: string, key: string): boolean {
    const prefixes = this.#prefixes[right];
    if (prefixes.length === 0) return false;
    const uri = `${scheme}://${bucket}/${key}`;
    return prefixes.some((prefix) => uri.startsWith(prefix));
  }

  /** Whether it has any right on anything in the bucket. */
  sees(scheme: string, bucket: string): boolean {
    const uri = `${scheme}://${bucket}/`;
    return this.#all.some((prefix) => prefix.startsWith(uri) || uri.startsWith(prefix));
  }

  /**
   * The parts of a listing that it may see: key prefixes in key order, none of which begins with another. One that
   * equals `prefix` means all of it; an empty list: nothing.
   */
  readable(scheme: string, bucket: string, prefix: string): string[] {
    const root = `${scheme}://${bucket}/`;
    const asked = root + prefix;
    if (this.#prefixes.read.some((allowed) => asked.startsWith(allowed))) return [prefix];
    const inside = this.#prefixes.read
      .filter((allowed) => allowed.startsWith(asked))
      .map((allowed) => allowed.slice(root.length))
      .sort(compareKeys);
    return inside.filter((each, at) => !inside.slice(0, at).some((shorter) => each.startsWith(shorter)));
  }
}

/** The clients by access key. */
export function clientTable(clients: readonly GatewayClient[]): ReadonlyMap<string, Client> {
  return new Map(clients.map((client) => [client.accessKey, new Client(client)]));
}
