import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { escapeName, folderNames, meaningOf, namesOf } from '../../../src/stores/file/names.ts';
import fc from '../../property.ts';

const part = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replaceAll('/', '')),
  fc.constantFrom('', '.', '..', '.sluice-tmp', 'a.%object', '.%folder', 'x.%more', '%25', '%00', '\0', 'x%'),
  fc.integer({ min: 70, max: 400 }).map((length) => 'é%x'.repeat(length).slice(0, length)),
);

/** Reads a name, or several joined by '/', as the listing does. */
function read(name: string, isFolder: boolean, inRoot: boolean): string | undefined {
  const names = name.split('/');
  const last = names.pop()!;
  let before = '';
  for (const each of names) {
    const meaning = meaningOf(each, true, inRoot, before);
    if (meaning?.type !== 'more') return undefined;
    before += meaning.part.slice(before.length);
  }
  const meaning = meaningOf(last, isFolder, inRoot, before);
  return meaning?.type === 'part' ? meaning.part : undefined;
}

describe('names of files', () => {
  it('give the key back, whatever it is, and fit into a file system', () => {
    fc.assert(
      fc.property(part, fc.boolean(), (text, inRoot) => {
        const key = inRoot ? text : `folder/${text}`;
        const { plain, escaped } = namesOf(key);
        if (plain !== undefined) assert.equal(read(plain, false, inRoot), text);
        assert.equal(read(escaped, false, inRoot), text);
        const folders = folderNames(inRoot ? [text] : ['folder', text]).slice(inRoot ? 0 : 1);
        assert.equal(read(folders.join('/'), true, inRoot), text);
        for (const name of [...escaped.split('/'), ...folders, plain ?? 'x']) {
          assert.ok(Buffer.byteLength(name) <= 255 && !/^\.{0,2}$|[\0/]/.test(name), JSON.stringify(name));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are plain unless they cannot be', () => {
    for (const key of ['a', 'a b', '%41', '.hidden', '..data', 'a.object', 'x.%objects', 'é😀']) {
      assert.equal(namesOf(key).plain, key);
    }
    assert.equal(escapeName('a', '.%object'), 'a.%object');
    assert.equal(meaningOf('a.%folder', true, false), undefined, 'nothing makes this name');
  });
});
