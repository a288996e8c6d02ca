import type { Writable } from 'node:stream';
import { isError } from '../base/errors.ts';
import type { Store } from '../stores/store.ts';
import type { Authenticated } from './authenticate.ts';
import { RequestBody } from './body.ts';
import type { Right } from './clients.ts';
import { S3Error, toS3Error } from './errors.ts';
import type { Answer } from './http/answer.ts';
import type { Incoming } from './http/incoming.ts';
import { header, type S3Request } from './request.ts';
import type { Tokens } from './tokens.ts';
import { element, XML_HEAD } from './xml.ts';

/** The Stores behind the gateway; a Router is one such. */
export interface Buckets {
  /** The Store that clients see as this bucket. @throws SluiceError BAD_URI, NOT_FOUND where there is none */
  bucket(scheme: string, bucket: string): Promise<Store>;
  /** The buckets that are known, for ListBuckets; others may be there too. */
  buckets(scheme: string): Promise<readonly { bucket: string }[]>;
}

/** What every operation shares. */
export interface Services {
  buckets: Buckets;
  tokens: Tokens;
  /** Shown by GetBucketLocation. */
  region: string;
}

/** One authenticated request and its answer. Operations read from it and answer through it. */
export class Call {
  readonly request: S3Request;
  readonly scheme: string;
  readonly auth: Authenticated;
  readonly services: Services;
  readonly id: string;
  readonly incoming: Incoming;
  readonly answer: Answer;
  #body: RequestBody | undefined;
  #store: Store | undefined;

  constructor(
    request: S3Request,
    scheme: string,
    auth: Authenticated,
    services: Services,
    id: string,
    incoming: Incoming,
    answer: Answer,
  ) {
    this.request = request;
    this.scheme = scheme;
    this.auth = auth;
    this.services = services;
    this.id = id;
    this.incoming = incoming;
    this.answer = answer;
  }

  get bucket(): string {
    return this.request.bucket;
  }

  get key(): string {
    return this.request.key;
  }

  /** The bucket's Store; there once `open` was called. */
  get store(): Store {
    return this.#store!;
  }

  /** Opens the bucket's Store, if the client has any right in it. @throws S3Error AccessDenied, NoSuchBucket */
  async open(): Promise<void> {
    if (!this.auth.client.sees(this.scheme, this.bucket)) throw denied();
    this.#store = await this.storeOf(this.bucket);
  }

  /** @throws S3Error NoSuchBucket */
  async storeOf(bucket: string): Promise<Store> {
    try {
      return await this.services.buckets.bucket(this.scheme, bucket);
    } catch (error) {
      if (!isError(error, 'BAD_URI', 'NOT_FOUND')) throw error;
      throw new S3Error('NoSuchBucket', 'The specified bucket does not exist.', { BucketName: bucket });
    }
  }

  /** @throws S3Error AccessDenied */
  need(right: Right, key = this.key, bucket = this.bucket): void {
    if (!this.auth.client.may(right, this.scheme, bucket, key)) throw denied();
  }

  header(name: string): string | undefined {
    return header(this.request, name);
  }

  /** @throws S3Error when its headers make no sense */
  get body(): RequestBody {
    this.#body ??= new RequestBody(this.incoming, this.request, this.auth);
    return this.#body;
  }

  /** Why the body of the request was not taken, when that is what went wrong. */
  get bodyFailure(): Error | undefined {
    return this.#body?.failure;
  }

  /** @param headers name, value, name, value … */
  reply(status: number, headers: string[] = [], content?: string | Buffer): void {
    headers.push('x-amz-request-id', this.id);
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    if (status !== 204 && status !== 304) headers.push('content-length', String(bytes?.length ?? 0));
    this.answer.send(status, headers, bytes);
  }

  replyXml(xml: string, headers: string[] = []): void {
    headers.push('content-type', 'application/xml');
    this.reply(200, headers, xml);
  }

  /**
   * Answers with the document that the work gives. When that takes long, the answer begins before it is known, with
   * spaces that keep the connection alive; an error is then a document in an answer of 200, as in S3.
   */
  async replyWhenDone(work: Promise<string>, headers: string[] = [], patience = 15_000): Promise<void> {
    let started: Writable | undefined;
    const timer = setInterval(() => {
      if (started) started.write(' ');
      else if (this.answer.mayBeOpen) {
        const begun = ['content-type', 'application/xml', 'x-amz-request-id', this.id];
        started = this.answer.open(200, begun, undefined);
        started.write(XML_HEAD);
      }
    }, patience);
    try {
      const xml = await work;
      if (started) started.end(xml.slice(XML_HEAD.length));
      else this.replyXml(xml, headers);
    } catch (error) {
      if (!started) throw error;
      started.end(errorBody(toS3Error(error), this.request, this.id));
    } finally {
      clearInterval(timer);
    }
  }
}

export const denied = (): S3Error => new S3Error('AccessDenied', 'Access Denied');

function errorBody(error: S3Error, request: { path: string } | undefined, id: string): string {
  let details = '';
  for (const [name, value] of Object.entries(error.details)) details += element(name, value);
  return `<Error>${element('Code', error.code)}${element('Message', error.message)}${details}${element('Resource', request?.path ?? '/')}${element('RequestId', id)}</Error>`;
}

export function errorXml(error: S3Error, request: { path: string } | undefined, id: string): string {
  return XML_HEAD + errorBody(error, request, id);
}
