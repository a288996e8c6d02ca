/**
 * The page's first load in Chromium, with nothing in its cache, from a service that has run for a while and has 10,000 jobs:
 * how long until the table of jobs is on the screen and the first of its controls can be used. The clock is the browser's
 * own, from the navigation on; medians of the loads, and what the time goes into.
 *
 *   npm run bench:page -- [loads=15] [jobs=10000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser } from '../test/support/browser.ts';
import { addEndedJobs } from '../test/support/ended-jobs.ts';
import { type MeasuredService, startService } from './support/service.ts';
import { median } from './support/timed.ts';

const [loads = 15, jobs = 10_000] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const state = join(folder, 'state');

/** Runs in the page, before its own script: notes when the table was painted. */
const WATCH = `new MutationObserver((changes, observer) => {
  if (!document.querySelector('.jobs tbody tr')) return;
  observer.disconnect();
  // What is in the document by this frame is on the screen when the next one begins.
  requestAnimationFrame(() => requestAnimationFrame(() => { globalThis.usable = performance.now(); }));
}).observe(document, { childList: true, subtree: true });`;

/** Runs in the page: milliseconds since the navigation began. */
const READ = `(() => {
  const [page] = performance.getEntriesByType('navigation');
  const parts = performance.getEntriesByType('resource');
  const named = (pattern) => parts.find(({ name }) => pattern.test(name));
  const list = named(/\\/v1\\/jobs\\?limit=/);
  return {
    'the document is there': page.responseEnd,
    'the script is there': named(/\\.js$/).responseEnd,
    'the jobs are asked for': list.startTime,
    'the jobs are there': list.responseEnd,
    'first paint': performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
    usable,
  };
})()`;

let service: MeasuredService | undefined;
try {
  const settings = `state: ${state}\nservice: {listen: "127.0.0.1:0"}\nlog_level: warn\n`;
  // The first start makes the state.
  await (await startService(folder, settings)).stop();
  addEndedJobs(state, jobs);
  service = await startService(folder, settings);
  const seen: Record<string, number>[] = [];
  for (let i = 0; i < loads; i++) {
    const browser = await openBrowser(service.url);
    const { page } = browser;
    await page.addInitScript({ content: WATCH });
    await page.goto(service.url, { waitUntil: 'commit' });
    await page.waitForFunction(() => (globalThis as { usable?: number }).usable !== undefined);
    seen.push((await page.evaluate(READ)) as Record<string, number>);
    await page.getByRole('searchbox').first().fill('old-00004');
    await page.getByRole('row', { name: /old-00004/ }).waitFor();
    await browser.close();
  }
  console.log(
    `${loads} first loads with ${jobs} jobs; milliseconds from the navigation on: median, and least to most`,
  );
  for (const name of Object.keys(seen[0]!)) {
    const times = seen.map((each) => each[name]!).sort((a, b) => a - b);
    const [least, most] = [times[0]!, times.at(-1)!];
    console.log(
      `  ${name.padEnd(28)} ${median(times).toFixed(0).padStart(5)}   ${least.toFixed(0)} to ${most.toFixed(0)}`,
    );
  }
} finally {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
}
