import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createApp, type Kind, loadSettings } from '../src/index.ts';

/** Writes the words of a spec as objects, one part a word. */
const words: Kind<{ to: string; words: string[] }> = {
  name: 'words',
  parse: (spec) => spec as { to: string; words: string[] },
  prepare: async (spec) => spec,
  async *plan(pinned) {
    const { words } = pinned as { words: string[] };
    yield words.map((word, i) => ({ id: String(i), stage: 0, label: word, body: word }));
  },
  async run(part, pinned, { open }) {
    const { store, path } = await open(`${(pinned as { to: string }).to}/${part.id}.txt`);
    const { size } = await store.put(path, Buffer.from(part.body as string));
    return { counts: { objects: 1, bytes: size } };
  },
  finish: async (_pinned, { status }) => ({ status, report: null }),
};

test('a program runs a kind of its own, over any store, with the settings of Sluice', async () => {
  const state = await mkdtemp(join(tmpdir(), 'sluice-library-'));
  const { settings } = loadSettings({ env: { HOME: state, SLUICE_STATE: state }, cwd: state });
  const app = await createApp(settings, { kinds: { words: async () => words } });
  try {
    const engine = await app.engine();
    const { id } = await engine.submit('words', { to: 'memory://words', words: ['one', 'two', 'three'] });
    const job = await engine.wait(id);
    assert.equal(job.status, 'SUCCESS');
    assert.deepEqual(job.progress.counts, { objects: 3, bytes: 11 });
    const { store } = await app.open('memory://words');
    assert.equal((await store.head('2.txt')).size, 5);
  } finally {
    await app.close();
    await rm(state, { recursive: true, force: true });
  }
});
