/** A lake of so many objects that are stored nowhere, in a process of its own. Prints its address. */
import { syntheticLake } from '../../src/demo/lake/synthetic.ts';

const server = await syntheticLake(Number(process.argv[2]), { changed: 0 });
console.log(server.url);
process.stdin.resume().once('end', () => void server.close());
