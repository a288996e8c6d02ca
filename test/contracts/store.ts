import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Store } from '../../src/stores/store.ts';
import { conditionsContract } from './store/conditions.ts';
import { copyContract } from './store/copying.ts';
import { keysContract } from './store/keys.ts';
import { listingContract } from './store/listing.ts';
import { multipartContract } from './store/multipart.ts';
import { presignContract } from './store/presign.ts';
import { readingContract } from './store/reading.ts';
import { stoppingContract } from './store/stopping.ts';
import type { ContractOptions, Subject } from './store/subject.ts';
import { writingContract } from './store/writing.ts';

export type { ContractOptions } from './store/subject.ts';

/**
 * Every sentence of src/stores/store.ts as a test. What a store's capabilities deny is asserted to be
 * UNSUPPORTED; what is particular to a store is said in `options`.
 * @param open gives an empty store; a second call gives another one of the same kind, for copies between them
 */
export function storeContract(
  name: string,
  open: () => Promise<{ store: Store; cleanup?: () => Promise<void> | void }>,
  options: ContractOptions = {},
): void {
  describe(`${name} keeps the contract of a Store`, () => {
    const opened: Awaited<ReturnType<typeof open>>[] = [];
    const subject: Subject = {
      options,
      get store() {
        return opened[0]!.store;
      },
      async another() {
        opened[1] ??= await open();
        return opened[1].store;
      },
    };
    before(async () => {
      opened[0] = await open();
    });
    after(async () => {
      for (const each of opened) {
        await each.store.close();
        await each.cleanup?.();
      }
    });

    it('is empty at first, can be written, and its name holds no secret', async () => {
      for await (const page of subject.store.list()) assert.equal(page.objects.length, 0);
      assert.equal(subject.store.capabilities.readOnly, false);
      assert.ok(subject.store.capabilities.deleteBatch >= 1);
      assert.match(subject.store.name, /^[a-z0-9]+:\/\//);
      assert.doesNotMatch(subject.store.name, /secret|:\/\/[^/]*:[^/]*@/);
    });
    listingContract(subject);
    keysContract(subject);
    readingContract(subject);
    writingContract(subject);
    conditionsContract(subject);
    copyContract(subject);
    multipartContract(subject);
    presignContract(subject);
    stoppingContract(subject);
  });
}
