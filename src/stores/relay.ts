import type { Readable, Writable } from 'node:stream';

/** A body that can hand its bytes on by itself, without the buffers of a stream in between. */
interface Relayed extends Readable {
  /** As `relay`; the body must not have been read. */
  relayTo(target: Writable): Promise<void>;
}

const isRelayed = (body: Readable): body is Relayed => 'relayTo' in body;

/**
 * Writes a body to a target as fast as that takes it, and ends the target. When the body breaks, the target is
 * destroyed, so that it cannot pass for whole; when the target closes early, the body is.
 * @param target a socket or what writes to one: once it says that a chunk was written, the chunk's bytes may change
 * @throws the body's error
 */
export function relay(body: Readable, target: Writable): Promise<void> {
  if (target.destroyed) {
    body.on('error', () => undefined).destroy();
    return Promise.resolve();
  }
  return isRelayed(body) ? body.relayTo(target) : pass(body, target);
}

function pass(body: Readable, target: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    body.on('data', (chunk: Buffer) => {
      if (!target.write(chunk)) body.pause();
    });
    target.on('drain', () => body.resume());
    body.on('end', () => {
      target.end();
      resolve();
    });
    body.on('error', (error) => {
      target.destroy();
      reject(error);
    });
    body.on('close', () => {
      if (body.readableEnded) return;
      target.destroy();
      reject(Object.assign(new Error('the body ended early'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }));
    });
    target.on('close', () => {
      if (!body.readableEnded) body.destroy();
      resolve();
    });
  });
}
