import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readAll } from '../../../src/stores/read.ts';
import type { Store } from '../../../src/stores/store.ts';

/** Puts every object of a Store into a folder, for readers that know files only. */
export async function intoFolder(store: Store, folder: string): Promise<void> {
  for await (const page of store.list()) {
    for (const { key } of page.objects) {
      const path = join(folder, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, await readAll((await store.get(key)).body));
    }
  }
}
