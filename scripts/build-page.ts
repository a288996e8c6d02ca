/**
 * Builds the page from src/web/page into dist/web/page: one script and one style sheet named after their content, the
 * HTML that names them, each with its gzip and Brotli forms, and manifest.json that src/web/static.ts reads.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const source = resolve(import.meta.dirname, '../src/web/page');
const target = resolve(import.meta.dirname, '../dist/web/page');
const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Builds into a new folder that then takes the old one's place, so that a service never reads half a page. */
async function buildPage(): Promise<void> {
  const folder = `${target}.new`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'assets'), { recursive: true });
  const { outputFiles } = await build({
    entryPoints: [join(source, 'main.tsx'), join(source, 'style/main.css')],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: ['chrome123', 'firefox121', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    outdir: folder,
    entryNames: 'sluice',
    legalComments: 'none',
  });
  const files: Record<string, { type: string; etag: string }> = {};
  const add = async (path: string, body: Buffer): Promise<void> => {
    await writeFile(join(folder, path), body);
    await writeFile(join(folder, `${path}.gz`), gzipSync(body, { level: 9 }));
    await writeFile(
      join(folder, `${path}.br`),
      brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    );
    files[path] = { type: TYPES[path.slice(path.lastIndexOf('.') + 1)]!, etag: hashOf(body) };
  };
  const named = async (name: string, extension: string, body: Buffer): Promise<string> => {
    const path = `assets/${name}-${hashOf(body)}.${extension}`;
    await add(path, body);
    return path;
  };
  const bundled = (extension: string): Buffer =>
    Buffer.from(outputFiles.find(({ path }) => path.endsWith(`.${extension}`))!.contents);
  const names: Record<string, string> = {
    script: await named('sluice', 'js', bundled('js')),
    style: await named('sluice', 'css', bundled('css')),
    icon: await named('icon', 'svg', await readFile(join(source, 'icon.svg'))),
  };
  const html = await readFile(join(source, 'index.html'), 'utf8');
  await add('index.html', Buffer.from(html.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => names[name]!)));
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify({ files }, undefined, 1)}\n`);
  await rm(target, { recursive: true, force: true });
  await rename(folder, target);
}

function hashOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, 16);
}

await buildPage();
