import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Json } from '../../src/base/json.ts';
import { parseLakeExportSpec } from '../../src/lake/export/spec.ts';
import { parseTableExportSpec } from '../../src/tables/export/spec.ts';
import { parseVectorExportSpec } from '../../src/vectors/export/spec.ts';
import { parseVectorImportSpec } from '../../src/vectors/import/spec.ts';
import { FORMS } from '../../src/web/page/forms.ts';
import { missingIn, specOf, type Values, valuesOf } from '../../src/web/page/specs.ts';

const PARSERS: Record<string, (spec: Json) => Json> = {
  'lake-export': parseLakeExportSpec,
  'table-export': parseTableExportSpec,
  'vector-export': parseVectorExportSpec,
  'vector-import': parseVectorImportSpec,
};
/** What excludes something else in the form. */
const NOT_TOGETHER = ['exclude', 'since'];

describe('the forms of the kinds of jobs', () => {
  for (const [kind, { fields }] of Object.entries(FORMS)) {
    it(`${kind}: every setting and every choice is one that the kind takes`, () => {
      const filled: Values = {};
      for (const { name, type, choices, on, example } of fields) {
        if (NOT_TOGETHER.includes(name)) continue;
        if (type === 'flag') filled[name] = !on;
        else filled[name] = choices?.at(-1) ?? example ?? 'something';
      }
      // These two need settings of their own, which are for the JSON.
      if (kind === 'table-export') filled.method = 'copy';
      const spec = specOf(fields, filled);
      assert.doesNotThrow(() => PARSERS[kind]!(spec as Json));
      assert.deepEqual(missingIn(fields, filled), []);
      for (const { name, choices = [] } of fields) {
        for (const choice of choices) {
          if (kind === 'table-export' && ['databricks', 'spark'].includes(choice)) continue;
          assert.doesNotThrow(() => PARSERS[kind]!(specOf(fields, { ...filled, [name]: choice }) as Json));
        }
      }
    });

    it(`${kind}: what is left alone is left out, and the stored job fills the form again`, () => {
      const needed = Object.fromEntries(
        fields.filter((field) => field.needed).map(({ name, example }) => [name, example!]),
      );
      const spec = specOf(fields, needed);
      assert.deepEqual(Object.keys(spec), Object.keys(needed));
      const stored = JSON.parse(JSON.stringify(PARSERS[kind]!(spec as Json))) as Json;
      const again = valuesOf(fields, stored);
      if (again)
        assert.deepEqual(PARSERS[kind]!(specOf(fields, again) as Json), PARSERS[kind]!(spec as Json));
      assert.ok(missingIn(fields, {}).length > 0);
    });
  }

  it('leaves settings that the form does not have to the JSON', () => {
    const { fields } = FORMS['lake-export']!;
    const spec = { source: 'lakefs://r/main', destination: '/x', filters: [{ include: true, glob: '*' }] };
    assert.equal(valuesOf(fields, spec), undefined);
    assert.deepEqual(valuesOf(fields, { source: 'lakefs://r/main', destination: '/x', verify: false }), {
      source: 'lakefs://r/main',
      destination: '/x',
      verify: false,
    });
  });
});
