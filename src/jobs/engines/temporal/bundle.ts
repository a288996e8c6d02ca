import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadTemporal } from './connect.ts';

/** What the build makes of the workflows: one script, which needs no compiler where it runs. */
export const BUNDLE = 'workflows.bundle.js';

const source = join(import.meta.dirname, 'workflows');

export type Bundle = { codePath: string } | { code: string };

let made: Promise<Bundle> | undefined;

/** The workflows as Temporal's sandbox takes them: those of the build, or, in a source tree, bundled now. */
export function workflowBundle(): Promise<Bundle> {
  const built = join(import.meta.dirname, BUNDLE);
  made ??= existsSync(built) ? Promise.resolve({ codePath: built }) : bundleWorkflows();
  return made;
}

export async function bundleWorkflows(): Promise<{ code: string }> {
  const { bundleWorkflowCode, DefaultLogger } = await loadTemporal(() => import('@temporalio/worker'));
  const index = ['index.ts', 'index.js'].map((name) => join(source, name)).find((path) => existsSync(path))!;
  return await bundleWorkflowCode({ workflowsPath: index, logger: new DefaultLogger('ERROR') });
}
