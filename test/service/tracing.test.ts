import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startTracing } from '../../src/base/tracing/tracing.ts';
import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { cli } from '../commands/cli.ts';
import { lakeConnection, TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
}

const attribute = (span: Span, name: string) => {
  const value = span.attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue;
};

/** Takes what the exporter sends: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
class Collector {
  readonly texts: string[] = [];
  readonly spans: (Span & { service: string })[] = [];
  #server!: Server;

  async listen(): Promise<string> {
    this.#server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      assert.equal(request.url, '/v1/traces');
      this.texts.push(text);
      for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
        const service = attribute(resource, 'service.name') as string;
        for (const { spans } of scopeSpans)
          this.spans.push(...spans.map((span: Span) => ({ ...span, service })));
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe('traces', () => {
  const collector = new Collector();
  const service = new TestService();
  let lake: SampleLake;
  let endpoint: string;
  let stop: (() => Promise<void>) | undefined;
  before(async () => {
    endpoint = await collector.listen();
    assert.equal(await startTracing({}), undefined, 'off when nobody asks');
    assert.equal(
      await startTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: 'true' }),
      undefined,
    );
    Object.assign(process.env, {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_SERVICE_NAME: 'exports-of-ours',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    });
    stop = await startTracing();
    lake = await createSampleLake({ repository: 'repo' });
    for (let i = 0; i < 3; i++) await lake.put('main', `secret-name-${i}`, `content ${i}`);
    await lake.commit('main', 'one');
    await service.start({ connections: [lakeConnection(lake.server)], use: { 'lakefs://': 'lake' } });
  });
  after(async () => {
    await service.close();
    await stop?.();
    await lake.close();
    collector.close();
  });

  it('lead from the request that came in over the job and its parts to the requests that went out', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const sent = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const spec = { source: 'lakefs://repo/main', destination: service.folderOf('out') };
    const started = await service.post(
      '/v1/jobs?secret=very-secret',
      { kind: 'lake-export', id: 'one', spec },
      sent,
    );
    assert.equal(started.status, 202);
    assert.equal((await service.ended('one')).status, 'SUCCESS');
    const named = (name: string) =>
      collector.spans.filter((span) => span.name === name && span.traceId === traceId);
    await until(() => named('job lake-export').length === 1 && named('POST /v1/jobs').length === 1);
    const [request] = named('POST /v1/jobs');
    const [job] = named('job lake-export');
    assert.equal(request!.parentSpanId, 'b7ad6b7169203331');
    assert.equal(job!.parentSpanId, request!.spanId);
    assert.equal(attribute(job!, 'sluice.job.status'), 'SUCCESS');
    const parts = named('part');
    assert.ok(parts.length > 0 && parts.every(({ parentSpanId }) => parentSpanId === job!.spanId));
    assert.equal(
      parts.reduce((sum, part) => sum + Number(attribute(part, 'sluice.objects') ?? 0), 0),
      3,
    );
    const reads = named('GET').filter(({ parentSpanId }) =>
      parts.some(({ spanId }) => spanId === parentSpanId),
    );
    assert.ok(reads.length >= 3);
    assert.equal(attribute(reads[0]!, 'server.address'), new URL(lake.url).host);
    assert.equal(attribute(reads[0]!, 'http.response.status_code'), 200);
    assert.ok(collector.spans.every((span) => span.service === 'exports-of-ours'));
  });

  it('name neither secrets nor objects', () => {
    const all = collector.texts.join();
    for (const secret of [
      'very-secret',
      lake.server.secretAccessKey,
      lake.server.accessKeyId,
      'secret-name',
    ]) {
      assert.ok(!all.includes(secret), secret);
    }
  });

  it('are made by the command line, too, and all sent before it ends', async () => {
    const before = collector.spans.length;
    const ran = await cli(['export', 'lakefs://repo/main', service.folderOf('by-cli')], service.folder, {
      ...{ LAKEFS_ENDPOINT: lake.url, LAKEFS_ACCESS_KEY_ID: lake.server.accessKeyId },
      LAKEFS_SECRET_ACCESS_KEY: lake.server.secretAccessKey,
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: 'terminal' },
    });
    assert.equal(ran.code, 0, ran.stderr);
    const own = collector.spans.slice(before).filter((span) => span.service === 'terminal');
    assert.deepEqual(own.filter(({ name }) => name.startsWith('job')).length, 1);
    const unsampled = await cli(
      ['export', 'lakefs://repo/main', service.folderOf('unsampled')],
      service.folder,
      {
        ...{ LAKEFS_ENDPOINT: lake.url, LAKEFS_ACCESS_KEY_ID: lake.server.accessKeyId },
        LAKEFS_SECRET_ACCESS_KEY: lake.server.secretAccessKey,
        ...{
          OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
          OTEL_SERVICE_NAME: 'quiet',
          OTEL_TRACES_SAMPLER: 'always_off',
        },
      },
    );
    assert.equal(unsampled.code, 0, unsampled.stderr);
    assert.ok(collector.spans.every((span) => span.service !== 'quiet'));
  });
});
