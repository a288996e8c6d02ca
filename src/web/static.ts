import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** A file of the page, ready to be sent. */
export interface PageFile {
  /** '/' or '/assets/…' */
  path: string;
  type: string;
  /** Strong, in quotes, of the body without encoding. */
  etag: string;
  cacheControl: string;
  body: Buffer;
  gzip: Buffer;
  brotli: Buffer;
}

export interface PageAnswer {
  status: 200 | 304;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

/** Nothing but this origin's own script, styles, icon and API; nobody may frame it (CSP Level 3, Trusted Types). */
const SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Headers of every file of the page. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

/** Answered at `/` while the page is not built. */
export const PAGE_MISSING =
  'The page is not built here. Run "npm run build" in the folder of Sluice, then start the service again.\n';

/** Beside this file when it is built itself; in the build's folder when this runs from source. */
const FOLDERS = [
  resolve(import.meta.dirname, 'page'),
  resolve(import.meta.dirname, '../../dist/web/page'),
] as const;

/** Loads the page's files, by path; undefined when the page was not built. */
export async function loadPage(
  folders: readonly string[] = FOLDERS,
): Promise<ReadonlyMap<string, PageFile> | undefined> {
  const folder = folders.find((each) => existsSync(join(each, 'manifest.json')));
  if (folder === undefined) return undefined;
  const { files } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as {
    files: Record<string, { type: string; etag: string }>;
  };
  const page = new Map<string, PageFile>();
  for (const [name, { type, etag }] of Object.entries(files)) {
    const [body, gzip, brotli] = await Promise.all(
      ['', '.gz', '.br'].map((ending) => readFile(join(folder, `${name}${ending}`))),
    );
    const path = name === 'index.html' ? '/' : `/${name}`;
    // Names of assets change with their content; the document that names them is asked for anew each time.
    const cacheControl = path === '/' ? 'no-cache' : 'public, max-age=31536000, immutable';
    page.set(path, {
      path,
      type,
      etag: `"${etag}"`,
      cacheControl,
      body: body!,
      gzip: gzip!,
      brotli: brotli!,
    });
  }
  return page;
}

/**
 * What to answer, by the request's `accept-encoding` and `if-none-match` (RFC 9110, sections 12.5.3 and 13.1.2).
 * The validator is weak where the body is sent in an encoding.
 */
export function answerPage(
  file: PageFile,
  request: { acceptEncoding?: string | undefined; ifNoneMatch?: string | undefined },
): PageAnswer {
  const encoding = encodingFor(request.acceptEncoding ?? '');
  const headers: Record<string, string> = {
    ...PAGE_HEADERS,
    'content-type': file.type,
    'cache-control': file.cacheControl,
    vary: 'accept-encoding',
    etag: encoding === undefined ? file.etag : `W/${file.etag}`,
  };
  const known = (request.ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(file.etag) || known.includes('*')) return { status: 304, headers, body: undefined };
  if (encoding === undefined) return { status: 200, headers, body: file.body };
  headers['content-encoding'] = encoding;
  return { status: 200, headers, body: encoding === 'br' ? file.brotli : file.gzip };
}

function encodingFor(accept: string): 'br' | 'gzip' | undefined {
  const taken = new Set<string>();
  for (const part of accept.toLowerCase().split(',')) {
    const [name = '', ...options] = part.split(';').map((each) => each.trim());
    if (!options.some((option) => /^q=0(\.0*)?$/.test(option))) taken.add(name);
  }
  if (taken.has('br')) return 'br';
  return taken.has('gzip') ? 'gzip' : undefined;
}
