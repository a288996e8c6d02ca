import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globToRegExp, pathFilter } from '../../src/base/glob.ts';

test('globs match whole strings', () => {
  const cases: [string, string, boolean][] = [
    ['*.csv', 'a.csv', true],
    ['*.csv', 'd/a.csv', false],
    ['**/*.csv', 'a.csv', true],
    ['**/*.csv', 'd/e/a.csv', true],
    ['d/**', 'd/e/f', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['?', '😀', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[a&b~|^]x', '&x', true],
    ['[!a&b]x', '&x', false],
    ['{a,b*}/x', 'bcd/x', true],
    ['{a,{b,c}}', 'c', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['a.b', 'axb', false],
    ['a+(b)$', 'a+(b)$', true],
  ];
  for (const [glob, text, expected] of cases) {
    assert.equal(globToRegExp(glob).test(text), expected, `${glob} on ${text}`);
  }
});

test('the last rule that matches wins', () => {
  const taken = pathFilter([
    { include: false, glob: 'logs/' },
    { include: true, glob: 'logs/keep/**' },
    { include: false, glob: '*.tmp' },
  ]);
  assert.equal(taken('data/a'), true);
  assert.equal(taken('logs/a'), false);
  assert.equal(taken('logs/keep/a'), true);
  assert.equal(taken('logs/keep/a.tmp'), false);
  assert.equal(taken('deep/er/b.tmp'), false);
});

test('a first rule that includes leaves everything else out', () => {
  const taken = pathFilter([
    { include: true, glob: '*.parquet' },
    { include: true, glob: '/tables' },
    { include: false, glob: '_temporary' },
  ]);
  assert.equal(taken('a/b.parquet'), true);
  assert.equal(taken('a/b.csv'), false);
  assert.equal(taken('tables/x/y.json'), true);
  assert.equal(taken('other/tables/y.json'), false);
  assert.equal(taken('tables/_temporary/0/x'), false);
});

test('a pattern that is broken says so', () => {
  assert.throws(() => globToRegExp('a[b'), { code: 'BAD_SPEC' });
  assert.throws(() => globToRegExp('{a'), { code: 'BAD_SPEC' });
  assert.throws(() => pathFilter([{ include: true, glob: '/' }]), { code: 'BAD_SPEC' });
  assert.throws(() => pathFilter([{ include: true, glob: '[z-a]' }]), { code: 'BAD_SPEC' });
});
