import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Log } from '../../src/jobs/kind.ts';
import { Notifier } from '../../src/service/notices/notifier.ts';
import { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

interface Told {
  path: string;
  body: { [name: string]: unknown; event?: string; text?: string };
}

describe('notifications', () => {
  const service = new TestService();
  const told: Told[] = [];
  let people: Server;
  let url: string;
  let refusals = 0;
  before(async () => {
    people = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      if (request.url === '/flaky?token=very-secret' && refusals++ < 1) {
        response.writeHead(503).end();
        return;
      }
      told.push({ path: request.url!, body: JSON.parse(text) });
      response.end('ok');
    });
    await new Promise<void>((resolve) => people.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(people.address() as AddressInfo).port}`;
    await service.start({
      service: {
        listen: '',
        auth: 'none',
        notify: [
          { type: 'webhook', url: `${url}/all` },
          { type: 'slack', url: `${url}/slack`, events: ['failure'] },
          { type: 'webhook', url: `${url}/other-kinds`, kinds: ['lake-export'] },
        ],
      },
    });
  });
  after(async () => {
    await service.close();
    people.close();
    people.closeAllConnections();
  });

  const run = async (destination: string, parts: number, id?: string) => {
    const spec = { folder: service.folderOf('counted'), parts, source: 'a <b>', destination };
    const { json } = await service.post('/v1/jobs', { kind: 'counting', id, spec });
    return (await service.ended(json.id)).status;
  };
  const heard = (path: string) => told.filter((each) => each.path === path).map(({ body }) => body);

  it('tell of jobs that no schedule started: each failure, and the first success after it', async () => {
    assert.equal(await run('x', 1), 'SUCCESS');
    assert.equal(await run('x', -1), 'FAILED');
    await until(() => heard('/slack').length === 1);
    assert.equal(await run('y', 1), 'SUCCESS', 'another task');
    assert.equal(await run('x', -1), 'FAILED');
    await until(() => heard('/slack').length === 2);
    assert.equal(await run('x', 2), 'SUCCESS');
    assert.equal(await run('x', 2), 'SUCCESS');
    await until(() => heard('/all').length === 3);
    assert.deepEqual(
      heard('/all').map(({ event, about }) => `${event} ${about}`),
      ['failure counting a <b> → x', 'failure counting a <b> → x', 'recovery counting a <b> → x'],
    );
    assert.deepEqual(Object.keys(heard('/slack')[0]!), ['text']);
    assert.match(heard('/slack')[0]!.text!, /^Sluice: "counting a &lt;b&gt; → x" failed .*nothing to count/);
    assert.deepEqual(heard('/other-kinds'), []);
  });

  it('do not tell of what somebody runs at a terminal', async () => {
    const engine = await service.app.engine();
    const spec = { folder: service.folderOf('terminal'), parts: -1 };
    await engine.submit('counting', spec, { id: 'terminal' });
    await engine.wait('terminal');
    const before = heard('/all').length;
    assert.equal(await run('z', -1), 'FAILED');
    await until(() => heard('/all').length > before);
    assert.equal(heard('/all').filter(({ job }) => (job as { id: string }).id === 'terminal').length, 0);
  });

  it('are sent again, and their address is in no log', async () => {
    const lines: string[] = [];
    const note = (fields: object, message: string): void => {
      lines.push(JSON.stringify(fields) + message);
    };
    const log: Log = { debug: note, info: note, warn: note, error: note };
    const notifier = new Notifier(
      [
        { type: 'webhook', url: `${url}/flaky?token=very-secret` },
        { type: 'webhook', url: 'http://127.0.0.1:1/very-secret', events: [] },
      ],
      log,
    );
    const engine = await service.app.engine();
    const job = await engine.get('terminal');
    await notifier.tell({ event: 'failure', about: 'x', job }, new AbortController().signal);
    assert.equal(heard('/flaky?token=very-secret').length, 1);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /answered with 503/);
    assert.doesNotMatch(lines.join(), /very-secret/);
  });
});
