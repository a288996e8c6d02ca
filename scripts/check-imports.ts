/**
 * Keeps the directions of imports between the folders of src/: each may use those named here and itself.
 * Exits 1 and names every import that points another way, and every import cycle between files.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const MAY_USE: Record<string, readonly string[]> = {
  base: [],
  stores: ['base'],
  jobs: ['base', 'stores'],
  router: ['base', 'stores'],
  lake: ['base', 'stores', 'jobs'],
  vectors: ['base', 'stores', 'jobs'],
  tables: ['base', 'stores', 'jobs', 'lake'],
  gateway: ['base', 'stores', 'router'],
  config: ['base', 'stores', 'jobs', 'lake', 'vectors', 'tables', 'router', 'gateway'],
  demo: ['base', 'stores', 'lake', 'vectors'],
  service: ['base', 'stores', 'jobs', 'router', 'lake', 'vectors', 'tables', 'gateway', 'config', 'web'],
  web: ['base'],
  doctor: ['base', 'stores', 'jobs', 'router', 'lake', 'vectors', 'tables', 'config', 'service'],
};
const root = resolve(import.meta.dirname, '../src');

function* files(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) {
      if (path !== join(root, 'web/page')) yield* files(path);
    } else if (name.endsWith('.ts')) yield path;
  }
}

const folderOf = (path: string): string => {
  const parts = relative(root, path).split('/');
  return parts.length > 1 ? parts[0]! : '';
};

const problems: string[] = [];
const graph = new Map<string, string[]>();
for (const file of files(root)) {
  const text = readFileSync(file, 'utf8');
  const uses: string[] = [];
  for (const match of text.matchAll(
    /^(import|export)\s+(type\s+)?[^;'"]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm,
  )) {
    const target = resolve(dirname(file), match[3] ?? match[4]!);
    if (match[3] && !match[2]) uses.push(target);
    const from = folderOf(file);
    const to = folderOf(target);
    if (from === to || from === 'commands' || from === '') continue;
    if (!MAY_USE[from]?.includes(to)) {
      problems.push(
        `${relative(root, file)} imports ${relative(root, target)}: ${from} may use ${MAY_USE[from]?.join(', ') || 'nothing'}`,
      );
    }
  }
  graph.set(file, uses);
}

const done = new Set<string>();
function visit(file: string, path: string[]): void {
  const at = path.indexOf(file);
  if (at >= 0) {
    problems.push(`cycle: ${[...path.slice(at), file].map((each) => relative(root, each)).join(' → ')}`);
    return;
  }
  if (done.has(file)) return;
  for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
  done.add(file);
}
for (const file of graph.keys()) visit(file, []);

for (const problem of problems) console.error(problem);
console.log(`${graph.size} files, ${problems.length} imports that point the wrong way`);
process.exit(problems.length > 0 ? 1 : 0);
