/**
 * A sample lake in a process of its own that answers each read of an object after a while. Prints its address; ends when
 * its standard input does.
 *
 *   node bench/support/slow-lake.ts <objects> <milliseconds>
 */
import { createSampleLake } from '../../src/demo/lake/sample.ts';

const [objects = 0, delay = 0] = process.argv.slice(2).map(Number);
const lake = await createSampleLake({ repository: 'repo', rangeEntries: 5000 });
for (let i = 0; i < objects; i++) {
  await lake.put('main', `day/${String(i).padStart(6, '0')}.json`, Buffer.alloc(2000, i));
}
await lake.commit('main', 'first');
if (delay > 0) lake.server.faults.add({ method: 'GET', path: /\/objects\?/, delay });
console.log(lake.url);
for await (const _ of process.stdin);
await lake.close();
