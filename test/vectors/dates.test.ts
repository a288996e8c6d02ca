import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dateText, typedColumn } from '../../src/vectors/layouts/values.ts';
import fc from '../property.ts';

const { convert } = typedColumn('at', { name: 'at', dataType: ['date'] });

test('a date is given back as it was, or is said to be inexact', () => {
  const fraction = fc.option(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 9 }));
  const zone = fc.constantFrom('Z', 'Z', '+02:00', '-11:30');
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-01-01'), noInvalidDate: true }),
      fraction,
      zone,
      (date, digits, suffix) => {
        const text = `${date.toISOString().slice(0, 19)}${digits ? `.${digits.join('')}` : ''}${suffix}`;
        const loss = { inexact: false };
        const micros = BigInt(convert(text, loss) as number | bigint);
        assert.equal(dateText(micros) === text, !loss.inexact, text);
        assert.equal(
          new Date(dateText(micros).replace(/(\.\d{3})\d+Z/, '$1Z')).getTime(),
          new Date(text.replace(/(\.\d{3})\d+/, '$1')).getTime(),
        );
      },
    ),
  );
});

test('what is no date is inexact and null', () => {
  for (const value of ['yesterday', '2020-13-45T00:00:00Z', 5, {}]) {
    const loss = { inexact: false };
    assert.equal(convert(value, loss), null);
    assert.equal(loss.inexact, true);
  }
});
