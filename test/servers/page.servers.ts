import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { createApp } from '../../src/app.ts';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { type Browser, openBrowser } from '../support/browser.ts';
import { countingKind, letRun } from '../support/counting-kind.ts';
import { TableApp } from '../support/delta/table-app.ts';
import { addEndedJobs } from '../support/ended-jobs.ts';
import { lakeConnection, TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe finds, in all its rules. */
async function axe(page: Page): Promise<string[]> {
  await page.evaluate(await import('node:fs/promises').then(({ readFile }) => readFile(AXE, 'utf8')));
  return await page.evaluate(async () => {
    const { run } = (globalThis as unknown as { axe: { run(): Promise<{ violations: Found[] }> } }).axe;
    type Found = { id: string; nodes: { html: string; failureSummary: string }[] };
    const { violations } = await run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html} ${nodes[0]!.failureSummary}`);
  });
}

describe('the page in Chromium', () => {
  let lake: SampleLake;
  let service: TestService;
  let browser: Browser;
  let page: Page;

  before(async () => {
    execFileSync(process.execPath, [join(import.meta.dirname, '../../scripts/build-page.ts')]);
    lake = await createSampleLake({ repository: 'shop' });
    for (let i = 0; i < 20; i++) await lake.put('main', `day/${i}.bin`, Buffer.alloc(1000, i));
    await lake.commit('main', 'days');
    service = new TestService({
      connections: [lakeConnection(lake.server)],
      use: { 'lakefs://': 'lake' },
    });
    const spec = { source: 'lakefs://shop/main', destination: service.folderOf('nightly') };
    const job = { kind: 'lake-export', spec };
    await service.start({
      schedules: [{ name: 'nightly', cron: '0 2 * * *', timezone: 'Europe/Berlin', job }],
    });
    browser = await openBrowser(service.url);
    page = browser.page;
  });

  after(async () => {
    await browser?.close();
    await service?.close();
    await lake?.close();
  });

  const running = (id: string) => page.locator('.job-card', { hasText: id });
  const counting = (id: string, more: object = {}) =>
    service.post('/v1/jobs', {
      kind: 'counting',
      id,
      spec: { folder: service.folderOf(id), parts: 2000, delay: 100, ...more },
    });
  const only = (rows: string) => until(async () => (await page.locator(rows).count()) === 1);

  it('is small, and asks for nothing twice', async () => {
    const html = await service.get('/');
    const assets = [...html.text.matchAll(/"(\/assets\/[^"]+)"/g)].map((match) => match[1]!);
    assert.equal(assets.length, 3);
    let bytes = html.text.length;
    for (const path of assets) {
      const response = await fetch(`${service.url}${path}`, { headers: { 'accept-encoding': 'gzip' } });
      assert.match(response.headers.get('cache-control')!, /immutable/);
      bytes += Number(response.headers.get('content-length'));
    }
    assert.ok(bytes < 150_000, `${bytes} bytes`);
  });

  it('shows a job that is started elsewhere as it goes, and where it ended', async () => {
    await page.goto(service.url);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('Nothing runs.').waitFor();
    await counting('seen');
    const bar = running('seen').getByRole('progressbar');
    await bar.waitFor();
    const share = async () => Number(await bar.getAttribute('aria-valuenow'));
    const first = await until(share);
    await until(async () => (await share()) > first);
    await running('seen')
      .getByText(/objects\/s/)
      .waitFor();
    await service.post('/v1/jobs/seen/cancel');
    await running('seen').waitFor({ state: 'detached' });
    await page.getByRole('row', { name: /Canceled.*seen/ }).waitFor();
  });

  it('cancels a job after asking, and goes on with it', async () => {
    await letRun(service.folderOf('stopped'), 10);
    await counting('stopped', { parts: 20, delay: 0, gated: true });
    await running('stopped').getByRole('button', { name: 'Cancel stopped' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'No' }).click();
    await running('stopped').getByRole('button', { name: 'Cancel stopped' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
    await page.getByRole('row', { name: /Canceled.*stopped/ }).waitFor();
    await letRun(service.folderOf('stopped'));
    await page
      .getByRole('row', { name: /stopped/ })
      .getByRole('link')
      .click();
    await page.getByRole('button', { name: 'Retry stopped' }).click();
    await page.locator('.title').getByText('Success').waitFor();
    assert.equal((await service.ended('stopped')).attempts, 2);
  });

  it('starts an export by its form, by keys alone, and shows its parts and report', async () => {
    await page.goto(`${service.url}/#/start`);
    await page.getByLabel('Source').focus();
    await page.keyboard.press('Enter');
    await page.getByText('Still needed: Source, Destination.').waitFor();
    await page.keyboard.type('lakefs://shop/main');
    await page.keyboard.press('Tab');
    await page.keyboard.type(service.folderOf('exported'));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: /Lake export/ }).waitFor();
    await page.locator('.title').getByText('Success').waitFor();
    await page.getByRole('heading', { name: 'Report' }).waitFor();
    await page.getByRole('row', { name: /Success data: the first object/ }).waitFor();
    await page.getByLabel('Search parts').fill('markers');
    await page.getByRole('row', { name: /Success data: the first object/ }).waitFor({ state: 'detached' });
    await only('.parts tbody tr');
  });

  it('says what is wrong with a job that cannot be', async () => {
    await page.goto(`${service.url}/#/start/table-export`);
    await page.getByRole('button', { name: 'Edit as JSON' }).click();
    await page.getByLabel('Settings as JSON').fill('{"source": "lakefs://shop/main", "targt": 1}');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('alert').getByText('A table export has no setting "targt"').waitFor();
  });

  it('shows failed parts with what failed in them', async () => {
    const faults = { p0000001: { code: 'CORRUPT', item: 'day/7.bin' } };
    await counting('partly', { parts: 3, delay: 0, faults });
    await service.ended('partly');
    await page.goto(`${service.url}/#/jobs/partly`);
    await page.getByRole('button', { name: /^Failed 1/ }).click();
    await page.getByText('1 that failed').click();
    await page.locator('.failures').getByText('day/7.bin').waitFor();
    assert.deepEqual(await axe(page), []);
  });

  it('lists schedules, pauses one and runs it now', async () => {
    await page.goto(`${service.url}/#/schedules`);
    await page.getByText('Europe/Berlin').waitFor();
    await page.getByRole('button', { name: 'Pause nightly' }).click();
    await page.getByText('Paused').waitFor();
    await page.getByRole('button', { name: 'Run now: nightly' }).click();
    await page.locator('.last').waitFor();
    assert.deepEqual(await axe(page), []);
  });

  it('makes, changes and deletes a schedule, and leaves those of sluice.yaml to the file', async () => {
    await page.goto(`${service.url}/#/schedules`);
    await page.getByTitle('It stands in sluice.yaml').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Delete nightly' }).count(), 0);
    await page.getByRole('link', { name: 'New schedule' }).click();
    await page.getByRole('button', { name: 'Make the schedule' }).click();
    await page.getByText('Still needed: Name, Times (cron).').waitFor();
    await page.getByRole('textbox', { name: 'Name needed' }).fill('own');
    await page.getByLabel('Times (cron)').fill('every day');
    await page.getByLabel('Source').fill('lakefs://shop/main');
    await page
      .getByLabel('Destination', { exact: false })
      .first()
      .fill(`${service.folderOf('own')}/{date}`);
    await page.getByLabel('Days').fill('7');
    await page.getByRole('button', { name: 'Make the schedule' }).click();
    await page.getByRole('alert').getByText('The schedule "own" cannot be used').waitFor();
    assert.deepEqual(await axe(page), []);
    await page.getByLabel('Times (cron)').fill('0 3 * * *');
    await page.getByRole('button', { name: 'Make the schedule' }).click();
    await page.getByText('keeps 7 daily').waitFor();
    await page.getByRole('link', { name: 'Change own' }).click();
    await page.getByLabel('Times (cron)').fill('0 4 * * *');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('0 4 * * *').waitFor();
    await page.getByRole('button', { name: 'Delete own' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete it' }).click();
    await page.getByRole('button', { name: 'Delete own' }).waitFor({ state: 'detached' });
    assert.equal((await service.get('/v1/schedules')).json.schedules.length, 1);
  });

  it('shows an interrupted job as such, and goes on with it', async () => {
    const terminal = await createApp(service.app.settings, { kinds: { counting: async () => countingKind } });
    const engine = await terminal.engine();
    const spec = { folder: service.folderOf('left'), parts: 20, gated: true };
    await letRun(spec.folder, 10);
    await engine.submit('counting', spec, { id: 'left-alone' });
    await until(async () => (await engine.get('left-alone')).progress.parts.SUCCESS === 10);
    await terminal.close();
    await page.goto(`${service.url}/#/jobs`);
    await page.reload();
    const section = page.getByRole('region', { name: /^Interrupted/ });
    await section.getByText('left-alone').waitFor();
    await page.getByText('Nothing runs.').waitFor();
    assert.deepEqual(await axe(page), []);
    await section.getByRole('button', { name: 'Go on left-alone' }).click();
    await section.waitFor({ state: 'detached' });
    await running('left-alone').getByRole('progressbar').waitFor();
    await letRun(spec.folder);
    await page.getByRole('row', { name: /Success.*left-alone/ }).waitFor();
  });

  it('finds one of 10,000 jobs, a page at a time', async () => {
    addEndedJobs(join(service.folder, 'state'), 10_000);
    await page.goto(`${service.url}/#/jobs`);
    await page.reload();
    await page.getByRole('row', { name: /old-09999/ }).waitFor();
    assert.equal(await page.locator('.jobs tbody tr').count(), 50);
    await page.getByRole('button', { name: /Older/ }).click();
    await page.getByRole('row', { name: /old-09999/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /Newer/ }).click();
    await page.getByRole('row', { name: /old-09999/ }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('old-00004');
    await page.getByRole('row', { name: /Failed.*old-00004/ }).waitFor();
    await only('.jobs tbody tr');
    await until(() => /search=old-00004/.test(page.url()));
  });

  it('is usable by keys from the first one on', async () => {
    await page.goto(`${service.url}/#/jobs`);
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    const names: string[] = [];
    for (let i = 0; i < 7; i++) {
      await page.keyboard.press('Tab');
      names.push(await page.evaluate<string>('document.activeElement.textContent.trim()'));
    }
    assert.deepEqual(names, ['Skip to content', 'Sluice', 'Jobs', 'Schedules', 'Tables', '', 'Start a job']);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Start a job' }).waitFor();
  });

  for (const look of ['light', 'dark'] as const) {
    it(`has nothing that axe finds in ${look} colors, and fits 360 pixels`, async () => {
      await page.emulateMedia({ colorScheme: look });
      await counting(`axe-${look}`);
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 800 });
        for (const view of [
          'jobs',
          `jobs/axe-${look}`,
          'start',
          'start/table-export',
          'schedules',
          'schedule',
          'tables',
        ]) {
          await page.goto(`${service.url}/#/${view}`);
          await page.locator('h1').waitFor();
          if (view.startsWith('jobs')) await page.getByText(`axe-${look}`).first().waitFor();
          assert.deepEqual(await axe(page), [], `${view} at ${width}`);
          const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
          assert.ok(wide <= width, `${view} is ${wide} wide at ${width}`);
        }
      }
      const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      assert.equal(background, look === 'dark' ? 'rgb(16, 20, 22)' : 'rgb(246, 247, 248)');
      await service.post(`/v1/jobs/axe-${look}/cancel`);
    });
  }

  it('shows the tables of each branch at their commits, and finds one', async () => {
    const user = new TableApp();
    await user.start();
    const tables = new TestService({
      connections: [
        {
          name: 'lake',
          type: 'lakefs',
          endpoint: user.server.url,
          access_key_id: 'key',
          secret_access_key: 'secret',
        },
      ],
      use: { 'lakefs://': 'lake' },
      tables: [{ repository: 'lake', branches: ['main', 'dev'], target_base_location: user.target }],
    });
    await tables.start();
    const other = await openBrowser(tables.url);
    try {
      const commits = [
        ['main', user.lake.c2],
        ['dev', user.lake.c1],
      ] as const;
      for (const [branch, commit] of commits) {
        user.server.branches.set(branch, commit);
        const spec = { source: `lakefs://lake/${branch}`, target_base_location: user.target, all: true };
        await tables.post('/v1/jobs', { kind: 'table-export', id: branch, spec });
        await tables.ended(branch);
      }
      await other.page.goto(`${tables.url}/#/tables`);
      for (const [branch, commit] of commits) {
        const section = other.page.getByRole('region', { name: `Tables of lake/${branch}` });
        const row = section.getByRole('row', { name: /plain/ });
        await row.getByTitle(commit).first().waitFor();
        await row.getByText('Success').waitFor();
      }
      await other.page.getByLabel('Search tables').fill('no such table');
      await other.page.getByText('No table matches.').first().waitFor();
      await other.page.getByLabel('Search tables').fill('plain');
      await other.page.getByRole('row', { name: /plain/ }).first().waitFor();
      for (const width of [1280, 360]) {
        await other.page.setViewportSize({ width, height: 800 });
        assert.deepEqual(await axe(other.page), []);
        const wide = await other.page.evaluate<number>('document.documentElement.scrollWidth');
        assert.ok(wide <= width, `${wide} wide at ${width}`);
      }
      assert.deepEqual(other.complaints, []);
    } finally {
      await other.close();
      await tables.close();
      await user.close();
    }
  });

  it('asks for a key where the service does, and takes only a right one', async () => {
    const closed = new TestService({ service: { auth: 'keys', listen: '' } });
    await closed.start();
    const other = await openBrowser(closed.url);
    try {
      const { key } = await closed.running.service.keys.create({ name: 'me', roles: ['admin'] });
      await other.page.goto(closed.url);
      await other.page.getByLabel('Key').fill('slk_wrong');
      await other.page.getByRole('button', { name: 'Sign in' }).click();
      await other.page.getByRole('alert').waitFor();
      assert.deepEqual(await axe(other.page), []);
      await other.page.getByLabel('Key').fill(key);
      await other.page.keyboard.press('Enter');
      await other.page.getByText('Live', { exact: true }).waitFor();
      await other.page.reload();
      await other.page.getByText('Live', { exact: true }).waitFor();
      await other.page.getByRole('button', { name: 'Sign out' }).click();
      await other.page.getByRole('heading', { name: 'Sign in' }).waitFor();
      assert.deepEqual(other.complaints, []);
    } finally {
      await other.close();
      await closed.close();
    }
  });

  it('asked nothing of other origins, broke no policy, and no script failed', () => {
    assert.deepEqual(browser.complaints, []);
  });
});
