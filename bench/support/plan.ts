/**
 * Plans an export of a synthetic lake of so many objects, as a worker does, and prints what it took as JSON.
 *
 *   node bench/support/plan.ts <lake's address> <objects>
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../src/app.ts';
import { contextOf } from '../../src/commands/export.ts';
import { loadSettings } from '../../src/config/load.ts';

const [endpoint] = process.argv.slice(2) as [string];
const folder = mkdtempSync(join(tmpdir(), 'sluice-plan-'));
const { settings } = loadSettings({ env: {}, cwd: folder });
const lake = { name: 'lake', type: 'lakefs', endpoint, access_key_id: 'AKIASAMPLELAKE' };
const connections = [{ ...lake, secret_access_key: 'sample-lake-secret' }];
const app = await createApp({ ...settings, state: folder, connections, use: { 'lakefs://': 'lake' } });
try {
  const context = contextOf(app, new AbortController().signal);
  const kind = await app.kinds.get('lake-export');
  const spec = kind.parse({ source: 'lakefs://synthetic/main', destination: join(folder, 'out') });
  const before = process.memoryUsage.rss();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const pinned = await kind.prepare(spec, context);
  let [parts, objects, bytes] = [0, 0, 0];
  for await (const batch of kind.plan(pinned, context)) {
    for (const part of batch) {
      parts++;
      objects += part.counts?.plannedObjects ?? 0;
      bytes += JSON.stringify(part).length;
    }
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    JSON.stringify({
      parts,
      objects,
      bytes,
      seconds,
      cpu: (user + system) / 1e6,
      before: before / 2 ** 20,
      peak,
    }),
  );
} finally {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
}
