import type { Socket } from 'node:net';

const held: Socket[] = [];

/**
 * Holds back what is written on a socket until the end of this turn of the event loop. Then everything that a turn had
 * to say goes out in a row: whoever is on the other side of several of these sockets is woken once, not once for each,
 * which is most of what a small write costs.
 */
export function holdBack(socket: Socket): void {
  socket.cork();
  if (held.push(socket) === 1) setImmediate(letGo);
}

function letGo(): void {
  for (const socket of held.splice(0)) socket.uncork();
}
