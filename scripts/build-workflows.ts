/**
 * Bundles the workflows of the Temporal engine into dist, so that workers start without a compiler and run the same
 * script on every machine.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BUNDLE, bundleWorkflows } from '../src/jobs/engines/temporal/bundle.ts';

const target = resolve(import.meta.dirname, '../dist/jobs/engines/temporal');
const { code } = await bundleWorkflows();
await mkdir(target, { recursive: true });
await writeFile(join(target, BUNDLE), code);
