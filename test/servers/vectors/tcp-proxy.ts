import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  /** 127.0.0.1:port */
  address: string;
  /** Cuts all connections after so many bytes of answers, once. */
  cutAfter(bytes: number): void;
  readonly cuts: number;
  stop(): void;
}

/** Stands between a client and 127.0.0.1:port, and cuts connections when told to. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let cuts = 0;
  const cut = (): void => {
    left = Number.POSITIVE_INFINITY;
    cuts++;
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
      socket.on('error', () => undefined);
    }
    upstream.on('data', (chunk) => {
      left -= chunk.length;
      if (left < 0) cut();
    });
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as { port: number };
  return {
    address: `127.0.0.1:${own}`,
    cutAfter(bytes) {
      left = bytes;
    },
    get cuts() {
      return cuts;
    },
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
