import type { FastifyRequest } from 'fastify';
import { isError, SluiceError } from '../../base/errors.ts';
import type { WeaviateConnection } from '../../vectors/weaviate/connection.ts';
import { WeaviateRest } from '../../vectors/weaviate/rest.ts';
import { type ExportAction, mayExport } from '../identity/roles.ts';
import { bearerOf, type SignIn } from '../identity/sign-in.ts';
import type { ServiceOptions } from '../settings.ts';

/** Asks for one answer of each class at once. */
const CLASSES_AT_ONCE = 8;
const NO_RETRY = { attempts: 1, baseDelay: 1, maxDelay: 1, deadline: 30_000 };

/**
 * Decides who may export which classes. A caller with a key of Sluice has the roles of the key. Any other is sent on to
 * Weaviate, whose own rights decide: who may read the objects of every class may export them; or signs in as for
 * jobs, when `service.export_auth` is roles.
 */
export class ExportRights {
  readonly #options: ServiceOptions;
  readonly #signIn: SignIn;
  readonly #weaviate: WeaviateConnection;

  constructor(options: ServiceOptions, signIn: SignIn, weaviate: WeaviateConnection) {
    this.#options = options;
    this.#signIn = signIn;
    this.#weaviate = weaviate;
  }

  /** Sets who calls. @throws SluiceError UNAUTHENTICATED, THROTTLED */
  async identify(request: FastifyRequest): Promise<void> {
    const own = await this.#signIn.byKey(request);
    if (own) request.identity = own;
    else if (this.#options.exportAuth === 'roles') request.identity = await this.#signIn.identify(request);
    await this.#signIn.limit(request.identity?.name ?? request.ip);
  }

  /**
   * @param classes none: whether the caller may do this at all
   * @throws SluiceError UNAUTHENTICATED, ACCESS_DENIED
   */
  async require(request: FastifyRequest, action: ExportAction, classes: readonly string[]): Promise<void> {
    const { identity } = request;
    if (!identity) return await this.#askWeaviate(request, classes);
    if (mayExport(identity, action, classes)) return;
    throw new SluiceError(
      'ACCESS_DENIED',
      `${identity.name} may not do this: it needs the role export:${action} for ${classes.slice(0, 5).join(', ')}.`,
    );
  }

  /** Whether the caller may see the export in a list. */
  async may(request: FastifyRequest, action: ExportAction, classes: readonly string[]): Promise<boolean> {
    try {
      await this.require(request, action, classes);
      return true;
    } catch (error) {
      if (isError(error, 'ACCESS_DENIED')) return false;
      throw error;
    }
  }

  async #askWeaviate(request: FastifyRequest, classes: readonly string[]): Promise<void> {
    const token = bearerOf(request);
    const { url, grpc, grpcSecure } = this.#weaviate;
    const caller = { url, grpc, grpcSecure, headers: {}, ...(token === undefined ? {} : { token }) };
    const rest = new WeaviateRest(caller, NO_RETRY);
    try {
      if (classes.length === 0) await rest.call('GET', '/schema');
      for (let i = 0; i < classes.length; i += CLASSES_AT_ONCE) {
        await Promise.all(classes.slice(i, i + CLASSES_AT_ONCE).map((name) => mayRead(rest, name)));
      }
    } finally {
      await rest.close();
    }
  }
}

/** Rights are looked at before anything else: an answer such as "a tenant is missing" is a yes. */
async function mayRead(rest: WeaviateRest, name: string): Promise<void> {
  try {
    await rest.call('GET', '/objects', { query: { class: name, limit: 1 } });
  } catch (error) {
    if (isError(error, 'BAD_SPEC', 'CONFLICT', 'NOT_FOUND')) return;
    if (isError(error, 'ACCESS_DENIED', 'UNAUTHENTICATED')) {
      const { code } = error;
      throw new SluiceError(
        code,
        code === 'ACCESS_DENIED'
          ? `Weaviate does not let this caller read the class ${name}.`
          : 'Weaviate does not know this caller: send its API key or token as "Authorization: Bearer …".',
      );
    }
    throw error;
  }
}
