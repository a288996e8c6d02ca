/**
 * Bundles the command line into dist/main.cjs: one script in place of some 250 modules, which Node takes a fifth of a
 * second to find and load. The two packages that every command needs are in it, with their licences beside it; all
 * others are loaded when they are used, and the library stays as the compiler writes it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');
const target = join(root, 'dist');
const INSIDE = ['commander', 'yaml'];

/** Modules that look for files near themselves find them where the compiler puts the modules. */
const whereTheyWere: Plugin = {
  name: 'where-they-were',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const folder = JSON.stringify(relative(source, dirname(path)));
      return { contents: text.replaceAll('import.meta.dirname', `inDist(${folder})`), loader: 'ts' };
    });
  },
};

const packagesOutside: Plugin = {
  name: 'packages-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path }) =>
      INSIDE.includes(path) || path.startsWith('node:') ? undefined : { path, external: true },
    );
  },
};

await build({
  entryPoints: [join(source, 'main.ts')],
  outfile: join(target, 'main.cjs'),
  bundle: true,
  platform: 'node',
  target: 'node22',
  // Of the two formats, the one in which a package that is imported is loaded with the module that needs it.
  format: 'cjs',
  plugins: [whereTheyWere, packagesOutside],
  banner: { js: `const inDist = (folder) => require('node:path').join(__dirname, folder);` },
  logLevel: 'warning',
});
const licences = INSIDE.map(async (name) => {
  const { version } = JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8'));
  return `${name} ${version}\n\n${await readFile(join(root, 'node_modules', name, 'LICENSE'), 'utf8')}`;
});
await writeFile(
  join(target, 'main.cjs.licences.txt'),
  (await Promise.all(licences)).join(`\n${'-'.repeat(72)}\n\n`),
);
