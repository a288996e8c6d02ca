import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export interface Expanded {
  text: string;
  /** What can't be resolved, as a sentence. */
  problem?: string;
  /** Names of variables and files that were used, for people. */
  from: string[];
}

/**
 * Resolves `${NAME}` (an environment variable), `${NAME:-default}` and `${file:PATH}` (a file's content without
 * its last line break; PATH is relative to `folder`) in a value. `$${` stands for `${` itself.
 */
export function expand(text: string, folder: string, env: NodeJS.ProcessEnv): Expanded {
  const from: string[] = [];
  let problem: string | undefined;
  const expanded = text.replace(/\$\$\{|\$\{([^}]*)\}/g, (whole, inside: string | undefined) => {
    if (inside === undefined) return '${';
    if (inside.startsWith('file:')) {
      const path = resolve(folder, inside.slice('file:'.length));
      from.push(`file ${path}`);
      try {
        return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
      } catch (error) {
        problem ??= `${whole}: ${path} can't be read (${(error as NodeJS.ErrnoException).code ?? 'error'}).`;
        return '';
      }
    }
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inside);
    if (!match) {
      problem ??= `${whole} is neither \${NAME} nor \${file:PATH}. Write $\${ for a plain \${.`;
      return '';
    }
    const value = env[match[1]!] || match[2];
    from.push(`$${match[1]}`);
    if (value === undefined) {
      problem ??= `The environment variable ${match[1]} is not set.`;
      return '';
    }
    return value;
  });
  return { text: expanded, problem, from };
}
