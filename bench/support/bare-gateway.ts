/**
 * The least that an S3 gateway in Node can be: Node's own server and client, each request signed anew with the
 * target's key. It looks at nothing: no signature is checked, no right, no mapping, nothing is tried again.
 *
 *   node bench/support/bare-gateway.ts <port> <endpoint> <access key> <secret key>
 */
import { Agent, createServer, request } from 'node:http';
import { Signer, UNSIGNED_PAYLOAD } from '../../src/stores/s3/signer.ts';

const [port, endpoint, accessKeyId, secretAccessKey] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];
const { host, hostname, port: targetPort } = new URL(endpoint);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const signer = new Signer();
const OWN = new Set(['host', 'authorization', 'x-amz-date', 'x-amz-content-sha256', 'connection']);

createServer((incoming, response) => {
  const [path = '/', query = ''] = incoming.url!.split('?');
  const headers: string[] = [];
  for (const name in incoming.headers) {
    if (!OWN.has(name)) headers.push(name, incoming.headers[name] as string);
  }
  const signable = { method: incoming.method!, path, query, host, headers, payload: UNSIGNED_PAYLOAD };
  const signed = signer.sign(signable, { accessKeyId, secretAccessKey }, 'us-east-1', Date.now());
  const upstream = request(
    {
      agent,
      hostname,
      port: targetPort,
      method: incoming.method,
      path: incoming.url,
      headers: ['host', host, ...headers, ...signed],
    },
    (answer) => {
      response.writeHead(answer.statusCode!, answer.rawHeaders);
      answer.pipe(response);
    },
  );
  upstream.on('error', () => response.destroy());
  incoming.pipe(upstream);
}).listen(Number(port), '127.0.0.1');
