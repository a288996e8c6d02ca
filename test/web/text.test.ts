import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatAddress, parseAddress } from '../../src/web/page/address.ts';
import { searchItems, shapeOf } from '../../src/web/page/report.ts';
import { EventParser } from '../../src/web/page/sse.ts';
import { formatAgo, formatUntil, kindName, labelOf, routeOf, shareOf } from '../../src/web/page/text.ts';

it('says times as people do', () => {
  const now = 1_000_000_000;
  assert.equal(formatAgo(now - 3000, now), 'just now');
  assert.equal(formatAgo(now - 65_000, now), '1m ago');
  assert.equal(formatAgo(now - 30 * 3_600_000, now), '30h ago');
  assert.equal(formatAgo(now - 5 * 86_400_000, now), '5d ago');
  assert.equal(formatUntil(now + 65_000, now), 'in 1m05s');
  assert.equal(formatUntil(now - 1, now), 'now');
});

it('tells how far a job is once all of it is planned', () => {
  assert.equal(shareOf({ objects: 5, plannedObjects: 10 }, false), undefined);
  assert.equal(shareOf({ objects: 5, plannedObjects: 10 }, true), 0.5);
  assert.equal(shareOf({ objects: 9, plannedObjects: 10, bytes: 1, plannedBytes: 4 }, true), 0.25);
  assert.equal(shareOf({ objects: 12, plannedObjects: 10 }, true), 1);
});

it('names where data comes from and goes to, whatever the kind', () => {
  const to = 's3://b/x';
  assert.deepEqual(routeOf({ source: 'lakefs://r/main', destination: to }), { from: 'lakefs://r/main', to });
  assert.deepEqual(routeOf({ source: 'lakefs://r/main', target_base_location: to }), {
    from: 'lakefs://r/main',
    to,
  });
  assert.deepEqual(routeOf({ weaviate: 'vectors', destination: to, source: 'api' }), { from: 'vectors', to });
  assert.deepEqual(routeOf({ weaviate: 'vectors', source: to }), { from: to, to: 'vectors' });
  assert.deepEqual(routeOf(null), { from: '', to: '' });
});

it('makes words of names', () => {
  assert.equal(labelOf('plannedObjects'), 'Planned objects');
  assert.equal(labelOf('target_base_location'), 'Target base location');
  assert.equal(labelOf('FAILED'), 'Failed');
  assert.equal(kindName('lake-export'), 'Lake export');
});

it('keeps any id and search in the address', () => {
  const address = formatAddress('jobs', 'a/b #%41 ü', { search: 'x&y=#', status: '' });
  assert.deepEqual(parseAddress(address), { view: 'jobs', item: 'a/b #%41 ü', query: { search: 'x&y=#' } });
  assert.deepEqual(parseAddress(''), { view: 'jobs', item: undefined, query: {} });
  assert.equal(parseAddress('#/jobs/%E0%A4%A').item, '%E0%A4%A');
});

it('reads server-sent events however the text is cut', () => {
  const text = ': hello\n\nid: 1\nevent: status\ndata: {"a":1}\n\nretry: 5\r\ndata: x\r\ndata: y\r\n\r\n';
  for (let size = 1; size <= text.length; size++) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
    assert.deepEqual(events, [
      { type: 'status', data: '{"a":1}' },
      { type: 'message', data: 'x\ny' },
    ]);
  }
});

it('sorts a report into values, groups and lists, and searches its lists', () => {
  const failures = [
    { item: 'a/ONE', code: 'CORRUPT' },
    { item: 'b', code: 'TIMEOUT' },
  ];
  const shape = shapeOf({ commit: 'c', objects: { copied: 1 }, failures, notes: [], job: 'j' });
  assert.deepEqual(shape.facts, [['commit', 'c']]);
  assert.deepEqual(shape.groups, [['objects', [['copied', 1]]]]);
  assert.deepEqual(shape.lists, [['failures', failures]]);
  assert.deepEqual(searchItems(failures, 'one'), [failures[0]]);
  assert.equal(searchItems(failures, '').length, 2);
});
