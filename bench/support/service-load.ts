/**
 * Clients of the service in a process of their own: callers that list jobs, show one and its parts, a second between
 * two requests, and listeners to events. Begins with the first line on standard input, ends with the second, and prints
 * what it saw as JSON.
 *
 *   node bench/support/service-load.ts <url> <callers> <streams>
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';

const [url, callers, streams] = process.argv.slice(2) as [string, string, string];
const PAUSE_MS = 1000;
const dispatcher = new Agent({ connections: 400, bodyTimeout: 0 });
const stop = new AbortController();
const seen = { requests: 0, errors: [] as string[], events: 0, latencies: [] as number[] };

async function ask(path: string): Promise<{ jobs?: { id: string }[] }> {
  const started = performance.now();
  const response = await request(`${url}${path}`, { dispatcher });
  const body = (await response.body.json()) as { jobs?: { id: string }[] };
  if (response.statusCode !== 200) throw new Error(`${path} was answered with ${response.statusCode}`);
  seen.latencies.push(performance.now() - started);
  seen.requests++;
  return body;
}

async function caller(): Promise<void> {
  let job: string | undefined;
  await sleep(Math.random() * PAUSE_MS);
  for (let i = 0; !stop.signal.aborted; i++) {
    try {
      if (job === undefined || i % 3 === 0) job = (await ask('/v1/jobs?limit=50')).jobs?.[0]?.id;
      else await ask(i % 3 === 1 ? `/v1/jobs/${job}` : `/v1/jobs/${job}/parts?limit=50`);
    } catch (error) {
      if (!stop.signal.aborted) seen.errors.push(String(error));
    }
    await sleep(PAUSE_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

async function listener(): Promise<void> {
  try {
    const response = await request(`${url}/v1/events`, { dispatcher, signal: stop.signal });
    for await (const chunk of response.body) seen.events += String(chunk).split('\nevent: ').length - 1;
    if (!stop.signal.aborted) seen.errors.push('a stream of events ended');
  } catch (error) {
    if (!stop.signal.aborted) seen.errors.push(String(error));
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
await lines.next();
const work = [
  ...Array.from({ length: Number(callers) }, caller),
  ...Array.from({ length: Number(streams) }, listener),
];
console.log('loading');
await lines.next();
stop.abort();
await Promise.all(work);
const sorted = seen.latencies.sort((a, b) => a - b);
const at = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
const { requests, events, errors } = seen;
console.log(
  JSON.stringify({ requests, events, errors: errors.length, first: errors[0], p50: at(0.5), p99: at(0.99) }),
);
process.exit();
