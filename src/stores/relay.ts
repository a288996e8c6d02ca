import type { Readable, Writable } from 'node:stream';

/** A body that can hand its bytes on by itself, without the buffers of a stream in between. */
interface Relayed extends Readable {
  /** As `relay`; the body must not have been read. */
  relayTo(target: Writable): Promise<void>;
  /** As `wholeOf`. */
  takeWhole(): Buffer | undefined;
}

/** Bodies whose chunks nobody else holds. */
const throwaway = new WeakSet<Readable>();
/** Chunks that nobody looks at once they are written. */
const givenAway = new WeakSet<Uint8Array>();

/** Says of a body that nobody but its reader holds its chunks, or ever will. @returns the body */
export function withThrowawayChunks<T extends Readable>(body: T): T {
  throwaway.add(body);
  return body;
}

/**
 * Lets `relay` give back the memory of a chunk as soon as it is written, if it comes from such a body. Collecting it
 * as garbage comes late and goes over the whole heap: half of what an upload costs the gateway in JavaScript.
 */
export function giveAway(chunk: Uint8Array, from: Readable): void {
  if (throwaway.has(from) && chunk.byteLength === chunk.buffer.byteLength) givenAway.add(chunk);
}

/** Why a body closed before its end. */
export function endedEarly(body: Readable): Error {
  return (
    body.errored ?? Object.assign(new Error('the body ended early'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
  );
}

const isRelayed = (body: Readable): body is Relayed => 'relayTo' in body;

/** The bytes of a body that nobody has read, if all of them are here already: the body is over then. */
export function wholeOf(body: Readable): Buffer | undefined {
  return isRelayed(body) ? body.takeWhole() : undefined;
}

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
      const goesOn = givenAway.has(chunk)
        ? target.write(chunk, (error) => error || (chunk.buffer as ArrayBuffer).transfer(0))
        : target.write(chunk);
      if (!goesOn) body.pause();
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
      reject(endedEarly(body));
    });
    target.on('close', () => {
      if (!body.readableEnded) body.destroy();
      resolve();
    });
  });
}
