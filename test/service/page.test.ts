import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PAGE_MISSING } from '../../src/web/static.ts';
import { TestService } from '../support/service.ts';

it('the page is for everyone, and asks nothing of others', async () => {
  const service = await new TestService({ service: { listen: '', auth: 'keys' } }).start();
  try {
    const page = await service.get('/');
    // Where nobody built it yet, a sentence says what to do.
    if (page.status === 404) assert.equal(page.text, PAGE_MISSING);
    else {
      assert.match(page.headers.get('content-security-policy')!, /default-src 'none'/);
      const asset = /"(\/assets\/[^"]+)"/.exec(page.text)![1]!;
      assert.equal((await service.get(asset)).status, 200);
    }
    assert.equal((await service.get('/assets/none.js')).status, 404);
    assert.equal((await service.get('/assets/../../package.json')).status, 404);
  } finally {
    await service.close();
  }
});
