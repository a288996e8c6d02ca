import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  /** 127.0.0.1:port */
  address: string;
  /** Cuts all connections after so many bytes of answers, once. */
  cutAfter(bytes: number): void;
  readonly cuts: number;
  /** After so many bytes more, of requests and answers, nothing passes until `release`. */
  holdAfter(bytes: number): void;
  readonly held: boolean;
  release(): void;
  stop(): void;
}

/** Stands between a client and 127.0.0.1:port, and cuts or holds connections when told to. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let cuts = 0;
  let untilHeld = Number.POSITIVE_INFINITY;
  const isHeld = (): boolean => untilHeld < 0;
  const cut = (): void => {
    left = Number.POSITIVE_INFINITY;
    cuts++;
    for (const socket of sockets) socket.destroy();
  };
  const passOn = (from: Socket, to: Socket): void => {
    if (isHeld()) from.pause();
    from.on('data', (chunk) => {
      untilHeld -= chunk.length;
      if (isHeld()) for (const socket of sockets) socket.pause();
      if (to.write(chunk)) return;
      from.pause();
      to.once('drain', () => {
        if (!isHeld()) from.resume();
      });
    });
    from.on('end', () => to.end());
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
    passOn(client, upstream);
    passOn(upstream, client);
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
    holdAfter(bytes) {
      untilHeld = bytes;
    },
    get held() {
      return isHeld();
    },
    release() {
      untilHeld = Number.POSITIVE_INFINITY;
      for (const socket of sockets) socket.resume();
    },
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
