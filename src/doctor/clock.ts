import { request } from 'undici';
import { type Finding, ok, warning } from './finding.ts';

/** S3 refuses requests that are signed more than 15 minutes beside its own clock. */
const REFUSED = 15 * 60_000;
const NOTABLE = 60_000;

/**
 * Compares this machine's clock with that of a server, by the Date of an answer of any status.
 * @returns undefined when the answer has none
 */
export async function clockFinding(
  check: string,
  url: string,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const sent = Date.now();
  const answer = await request(url, { method: 'HEAD', signal });
  const came = Date.now();
  await answer.body.dump();
  const theirs = Date.parse(String(answer.headers.date ?? ''));
  if (Number.isNaN(theirs)) return undefined;
  // The Date is whole seconds, rounded down, of a moment between sending and receiving.
  const skew = came < theirs ? theirs - came : Math.max(0, sent - theirs - 1000);
  if (skew < NOTABLE) return ok(check, 'Its clock and the one here agree.');
  const minutes = (skew / 60_000).toFixed(1);
  const behind = came < theirs ? 'behind' : 'ahead of';
  const message = `The clock here is ${minutes} minutes ${behind} the server's. Let NTP set it: signed requests are refused when it is more than 15 off.`;
  if (skew < REFUSED) return warning(check, message);
  return { check, result: 'failed', message, code: 'UNAUTHENTICATED' };
}
