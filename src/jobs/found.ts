import { isError } from '../base/errors.ts';
import type { JobRecord } from './job.ts';

/** What an Engine says of a job; undefined for one that is not there. @throws all that it throws but NOT_FOUND */
export async function found(job: Promise<JobRecord>): Promise<JobRecord | undefined> {
  try {
    return await job;
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
