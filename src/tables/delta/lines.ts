import type { Readable } from 'node:stream';

/** Non-empty lines of a text, as many at a time as a chunk of the stream ends. */
export async function* linesOf(body: Readable): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const end = rest.lastIndexOf('\n');
    if (end < 0) continue;
    yield nonEmpty(rest.slice(0, end));
    rest = rest.slice(end + 1);
  }
  rest += decoder.decode();
  yield nonEmpty(rest);
}

const nonEmpty = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');
