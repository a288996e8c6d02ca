import { SluiceError } from '../../base/errors.ts';
import type { VectorObject } from '../../vectors/object.ts';
import { type ClassSchema, isMultiTenant, isReference, type PropertySchema } from '../../vectors/schema.ts';

/** The objects of a class or of one of its tenants, by UUID. */
export class Shard {
  /** HOT, COLD, FROZEN */
  state = 'HOT';
  readonly #objects = new Map<string, VectorObject>();
  #order: string[] | undefined;

  get size(): number {
    return this.#objects.size;
  }

  get(id: string): VectorObject | undefined {
    return this.#objects.get(id);
  }

  put(object: VectorObject): void {
    if (!this.#objects.has(object.id)) this.#order = undefined;
    this.#objects.set(object.id, object);
  }

  delete(id: string): boolean {
    this.#order = undefined;
    return this.#objects.delete(id);
  }

  /** In UUID order. */
  after(id: string | undefined, limit: number): VectorObject[] {
    const order = this.#sorted();
    let low = 0;
    for (let high = order.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (id === undefined || order[middle]! > id) high = middle;
      else low = middle + 1;
    }
    return order.slice(low, low + limit).map((each) => this.#objects.get(each)!);
  }

  /** Those updated last come first. */
  newest(limit: number): VectorObject[] {
    return [...this.#objects.values()].sort((a, b) => b.updated - a.updated).slice(0, limit);
  }

  #sorted(): string[] {
    this.#order ??= [...this.#objects.keys()].sort();
    return this.#order;
  }
}

interface StoredClass {
  schema: ClassSchema;
  /** By tenant; '' without tenants. */
  shards: Map<string, Shard>;
}

/** Classes, tenants and objects in memory, with the rules of Weaviate that Sluice meets, and its words for what is wrong. */
export class VectorDatabase {
  readonly #classes = new Map<string, StoredClass>();

  schemas(): ClassSchema[] {
    return [...this.#classes.values()].map((each) => each.schema);
  }

  schema(name: string): ClassSchema | undefined {
    return this.#classes.get(name)?.schema;
  }

  createClass(schema: ClassSchema): ClassSchema {
    if (!/^[A-Z][_0-9A-Za-z]*$/.test(schema.class ?? ''))
      throw invalid(`'${schema.class}' is not a valid class name`);
    if (this.#classes.has(schema.class)) throw invalid(`class name ${schema.class} already exists`);
    const multiTenant = isMultiTenant(schema);
    if (multiTenant && schema.shardingConfig) {
      throw invalid('cannot have both shardingConfig and multiTenancyConfig');
    }
    for (const property of schema.properties ?? []) this.#checkProperty(property, schema.class);
    const named = Object.keys(schema.vectorConfig ?? {}).length > 0;
    const stored: ClassSchema = {
      ...(named ? {} : { vectorizer: 'none', vectorIndexType: 'hnsw' }),
      multiTenancyConfig: { enabled: multiTenant },
      ...schema,
      properties: [...(schema.properties ?? [])],
    };
    this.#classes.set(schema.class, {
      schema: stored,
      shards: multiTenant ? new Map() : new Map([['', new Shard()]]),
    });
    return stored;
  }

  deleteClass(name: string): void {
    this.#classes.delete(name);
  }

  addProperty(name: string, property: PropertySchema): void {
    const { schema } = this.#class(name);
    if (schema.properties!.some((each) => each.name === property.name)) {
      throw invalid(`class "${name}": conflict for property "${property.name}": already in use`);
    }
    this.#checkProperty(property, name);
    schema.properties!.push(property);
  }

  tenants(name: string): { name: string; activityStatus: string }[] {
    return [...this.#tenanted(name).shards].map(([tenant, shard]) => ({
      name: tenant,
      activityStatus: shard.state,
    }));
  }

  /** Adds tenants, those that are there stay as they are; with a state, sets it. */
  putTenants(name: string, tenants: { name: string; activityStatus?: string }[]): void {
    const { shards } = this.#tenanted(name);
    for (const { name: tenant, activityStatus } of tenants) {
      const shard = shards.get(tenant) ?? new Shard();
      if (activityStatus) shard.state = STATES[activityStatus] ?? activityStatus;
      shards.set(tenant, shard);
    }
  }

  deleteTenants(name: string, tenants: string[]): void {
    for (const tenant of tenants) this.#tenanted(name).shards.delete(tenant);
  }

  /** @throws SluiceError in Weaviate's words when the class, or its active tenant, is not there */
  shard(name: string, tenant: string | undefined): Shard {
    const { schema, shards } = this.#class(name);
    if (isMultiTenant(schema) && !tenant) {
      throw invalid(`class ${name} has multi-tenancy enabled, but request was without tenant`);
    }
    if (!isMultiTenant(schema) && tenant) {
      throw invalid(`class ${name} has multi-tenancy disabled, but request was with tenant`);
    }
    const shard = shards.get(tenant ?? '');
    if (!shard) throw invalid(`tenant not found: "${tenant}"`);
    if (shard.state !== 'HOT') throw invalid(`tenant not active: '${tenant}'`);
    return shard;
  }

  /** Writes an object, stamped with the time; one that is there keeps its time of creation. */
  put(name: string, tenant: string | undefined, object: VectorObject, now = Date.now()): void {
    const shard = this.shard(name, tenant);
    const before = shard.get(object.id);
    shard.put({ ...object, created: before?.created ?? now, updated: now });
  }

  /** Whether a reference's target is there. */
  hasObject(id: string, className: string | undefined): boolean {
    for (const [name, { shards }] of this.#classes) {
      if (className !== undefined && name !== className) continue;
      for (const shard of shards.values()) if (shard.get(id)) return true;
    }
    return false;
  }

  #class(name: string): StoredClass {
    const found = this.#classes.get(name);
    if (!found) throw new SluiceError('NOT_FOUND', `could not find class ${name} in schema`);
    return found;
  }

  #tenanted(name: string): StoredClass {
    const found = this.#class(name);
    if (!isMultiTenant(found.schema)) throw invalid(`multi-tenancy is not enabled for class "${name}"`);
    return found;
  }

  #checkProperty(property: PropertySchema, owner: string): void {
    if (!isReference(property)) return;
    for (const target of property.dataType) {
      if (target !== owner && !this.#classes.has(target)) {
        throw invalid(`property '${property.name}': reference property to nonexistent class: ${target}`);
      }
    }
  }
}

/** New names for the states of tenants. */
const STATES: Record<string, string> = { ACTIVE: 'HOT', INACTIVE: 'COLD', OFFLOADED: 'FROZEN' };

export function invalid(message: string): SluiceError {
  return new SluiceError('BAD_SPEC', message);
}
