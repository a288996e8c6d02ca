/**
 * The least that a copy from bucket to bucket can cost in Node: one listing, then one signed CopyObject, or GET
 * and PUT, for each object, on undici, so many at once. No checks, no retries, no report.
 *
 *   node bench/support/bare-copy.ts copy|through <endpoint> <source bucket> <prefix> <target bucket> [at once=32]
 */
import { Pool } from 'undici';
import { EMPTY_PAYLOAD, Signer, UNSIGNED_PAYLOAD } from '../../src/stores/s3/signer.ts';

const [mode, endpoint, from, prefix, to, atOnce = '32'] = process.argv.slice(2) as string[];
const host = new URL(endpoint!).host;
const pool = new Pool(endpoint!, { connections: 64, pipelining: 1 });
const signer = new Signer();
const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID!,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY!,
};

async function send(
  method: 'GET' | 'PUT',
  path: string,
  query: string,
  headers: string[],
  body?: Buffer,
): Promise<Buffer> {
  const payload = body ? UNSIGNED_PAYLOAD : EMPTY_PAYLOAD;
  const signed = signer.sign(
    { method, path, query, host, headers, payload },
    credentials,
    'us-east-1',
    Date.now(),
  );
  const answer = await pool.request({
    method,
    path: query ? `${path}?${query}` : path,
    headers: [...headers, ...signed],
    body,
  });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  if (answer.statusCode >= 300)
    throw new Error(`${method} ${path}: ${answer.statusCode} ${bytes.toString().slice(0, 200)}`);
  return bytes;
}

const keys: string[] = [];
for (let token: string | undefined = ''; token !== undefined; ) {
  const query: string = `${token ? `continuation-token=${encodeURIComponent(token)}&` : ''}list-type=2&prefix=${encodeURIComponent(prefix!)}`;
  const page = (await send('GET', `/${from}`, query, [])).toString();
  for (const match of page.matchAll(/<Key>([^<]*)<\/Key>/g)) keys.push(match[1]!);
  token = /<NextContinuationToken>([^<]*)</.exec(page)?.[1];
}
const left = keys.entries();
const worker = async () => {
  for (const [index, key] of left) {
    const target = `/${to}/${index}`;
    if (mode === 'copy') await send('PUT', target, '', ['x-amz-copy-source', `/${from}/${key}`]);
    else await send('PUT', target, '', [], await send('GET', `/${from}/${key}`, '', []));
  }
};
await Promise.all(Array.from({ length: Number(atOnce) }, worker));
console.log(keys.length);
await pool.close();
