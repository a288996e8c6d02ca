import type { FastifyInstance } from 'fastify';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code,pre{font:14px/1.5 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;border:1px solid #8886;border-radius:6px}
summary{cursor:pointer;padding:.35rem 0}summary b{display:inline-block;min-width:4.5rem}h2{margin-top:2.5rem}`;

interface Operation {
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string }[];
  requestBody?: { content: Record<string, { schema: unknown }> };
  responses?: Record<string, { content?: Record<string, { schema: unknown }> }>;
}

/** The OpenAPI document, and a page to read it that needs no script and nothing from elsewhere. */
export function docsRoutes(app: FastifyInstance): void {
  const publicly = { config: { access: 'public' }, schema: { hide: true } } as const;
  app.get('/openapi.json', publicly, async () => app.swagger());
  app.get('/docs/style.css', publicly, async (_request, reply) =>
    reply.header('content-type', 'text/css; charset=utf-8').send(STYLE),
  );
  app.get('/docs', publicly, async (_request, reply) => {
    const { paths = {}, info } = app.swagger() as unknown as {
      paths?: Record<string, Record<string, Operation>>;
      info: { title: string; version: string };
    };
    const groups = new Map<string, string[]>();
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const tag = operation.tags?.[0] ?? 'other';
        groups.set(tag, [...(groups.get(tag) ?? []), describe(method, path, operation)]);
      }
    }
    const body = [...groups]
      .map(([tag, entries]) => `<h2>${escapeHtml(tag)}</h2>${entries.join('')}`)
      .join('');
    return reply
      .header('content-type', 'text/html; charset=utf-8')
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      )
      .send(
        `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(info.title)} API</title><link rel="stylesheet" href="/docs/style.css"><h1>${escapeHtml(info.title)} ${escapeHtml(info.version)}</h1><p>The same for programs: <a href="/openapi.json">openapi.json</a></p>${body}</html>`,
      );
  });
}

function describe(method: string, path: string, operation: Operation): string {
  const { summary = '', description, parameters = [], requestBody, responses = {} } = operation;
  const schema = (content: Record<string, { schema: unknown }> | undefined): string => {
    const found = Object.values(content ?? {})[0]?.schema;
    return found === undefined ? '' : `<pre>${escapeHtml(JSON.stringify(found, undefined, 2))}</pre>`;
  };
  const items = parameters.map(
    (each) =>
      `<li><code>${escapeHtml(each.name)}</code> (${escapeHtml(each.in)}${each.required ? ', needed' : ''}) ${escapeHtml(each.description ?? '')}`,
  );
  const good = Object.entries(responses).find(([status]) => status.startsWith('2'));
  return `<details><summary><b>${escapeHtml(method.toUpperCase())}</b> <code>${escapeHtml(path)}</code> ${escapeHtml(summary)}</summary>${
    description ? `<p>${escapeHtml(description)}</p>` : ''
  }${items.length > 0 ? `<ul>${items.join('')}</ul>` : ''}${requestBody ? `<h4>Takes</h4>${schema(requestBody.content)}` : ''}${
    good ? `<h4>Answers ${escapeHtml(good[0])}</h4>${schema(good[1].content)}` : ''
  }</details>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
