import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareKeys } from '../../../src/base/keys.ts';
import { metadataFromAzure, metadataToAzure } from '../../../src/stores/azure/metadata.ts';
import { Utf8Order } from '../../../src/stores/azure/order.ts';
import fc from '../../property.ts';

const inOrder = (keys: string[]): string[] => {
  const order = new Utf8Order<string>((key) => key);
  return [...keys.flatMap((key) => order.add(key)), ...order.end()];
};

describe('Utf8Order', () => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'z', '/', '\uE000', '\uFF5E', '😀', '\u{10FFFF}'),
    maxLength: 6,
  });
  const keys = fc.uniqueArray(key, { maxLength: 40 });

  it('puts a listing in UTF-16 order, or one in UTF-8 order, in UTF-8 order', () => {
    fc.assert(
      fc.property(keys, (some) => {
        const due = [...some].sort(compareKeys);
        assert.deepEqual(inOrder([...some].sort()), due);
        assert.deepEqual(inOrder(due), due);
      }),
    );
  });

  it('holds nothing back without characters beyond U+FFFF', () => {
    const order = new Utf8Order<string>((each) => each);
    for (const each of ['a', 'b/\uE000', 'c']) assert.deepEqual(order.add(each), [each]);
  });
});

describe('metadata names for Azure', () => {
  it('are identifiers, and give the name back', () => {
    const name = fc.string({
      unit: fc.constantFrom('a', '2', 'd', '-', '_', '.', '😀'),
      minLength: 1,
      maxLength: 9,
    });
    fc.assert(
      fc.property(name, (text) => {
        const written = metadataToAzure({ [text]: 'value' });
        assert.match(Object.keys(written)[0]!, /^[A-Za-z_][A-Za-z0-9_]*$/);
        assert.deepEqual(metadataFromAzure(written), { [text]: 'value' });
      }),
    );
    assert.deepEqual(metadataToAzure({ my_key: '1', 'with-dash': '2' }), { my_key: '1', with_2d_dash: '2' });
  });
});
