import { rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SluiceError } from '../base/errors.ts';
import { makeFolders } from '../base/folders.ts';
import type { Settings } from '../config/settings.ts';
import type { Engine } from '../jobs/engine.ts';
import { isPostgres } from '../jobs/state/open.ts';
import { type Finding, ok, warning } from './finding.ts';

const GIB = 2 ** 30;
const LITTLE = GIB;
const NOTHING = 100 * 2 ** 20;

/** Whether jobs can be listed, wherever they are kept: a folder, PostgreSQL or Temporal. */
export async function checkJobs(settings: Settings, engine: () => Promise<Engine>): Promise<Finding> {
  const { jobs } = await (await engine()).list({ limit: 1 });
  const { engine: name, state, temporal } = settings;
  const kept =
    name === 'temporal'
      ? `in Temporal at ${temporal.address ?? '127.0.0.1:7233'}`
      : isPostgres(state)
        ? 'in PostgreSQL'
        : 'in a folder';
  return ok('jobs', `are kept ${kept} and can be listed${jobs.length > 0 ? '' : '; there are none yet'}`);
}

/** Whether files can be made in a folder, and how much room there is. */
export async function checkFolder(check: string, folder: string): Promise<Finding> {
  const probe = join(folder, `.sluice-doctor-${process.pid}`);
  try {
    makeFolders(folder);
    await writeFile(probe, 'sluice doctor\n');
    await rm(probe);
  } catch (error) {
    throw new SluiceError(
      'ACCESS_DENIED',
      `No file can be made in ${folder} (${(error as NodeJS.ErrnoException).code}). Give the user that Sluice runs as the right to, or choose another folder.`,
      { cause: error },
    );
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const said = `${(free / GIB).toFixed(1)} GiB are free in ${folder}`;
  if (free >= LITTLE) return ok(check, said);
  const message = `Only ${said}: make room, since jobs keep their progress there and sort large listings on disk.`;
  return free >= NOTHING ? warning(check, message) : { check, result: 'failed', message, code: 'NO_SPACE' };
}

/** Where large lists and logs are kept for a while. */
export const temporaryFolder = tmpdir;
