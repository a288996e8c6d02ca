import { createServer, type Server } from 'node:http';
import { SluiceError } from '../base/errors.ts';

/** Serves /health and /metrics on an address of their own, where no bucket can be in the way. */
export async function startAdmin(
  address: { host: string; port: number },
  metrics: () => Promise<{ type: string; text: string }>,
): Promise<{ port: number; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, type: string, text: string) =>
      response
        .writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
        .end(text);
    if (request.url === '/health') answer(200, 'text/plain', 'ok\n');
    else if (request.url === '/metrics') {
      metrics().then(
        ({ type, text }) => answer(200, type, text),
        () => answer(503, 'text/plain', 'The metrics cannot be collected now.\n'),
      );
    } else answer(404, 'text/plain', 'There are /health and /metrics.\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new SluiceError('BAD_CONFIG', `Cannot listen on ${address.host}:${address.port}: ${error.message}.`),
      ),
    );
    server.listen(address.port, address.host, resolve);
  });
  return {
    port: (server.address() as { port: number }).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
