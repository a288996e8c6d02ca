import type { Subject } from './failure.ts';

/** The beginning of a call's path. */
export function refPath(repository: string, ref: string): string {
  return `/repositories/${encode(repository)}/refs/${encode(ref)}`;
}

/** As refPath, for calls on a branch itself. */
export function branchPath(repository: string, branch: string): string {
  return `/repositories/${encode(repository)}/branches/${encode(branch)}`;
}

export const encode = encodeURIComponent;

/** What a call on a ref is about. */
export function subjectOf(repository: string, ref: string, doing: string, key?: string): Subject {
  return { store: `lakefs://${repository}/${ref}`, key, doing };
}

/** A write to a branch, for errors. */
export function writing(repository: string, branch: string, path: string): Subject {
  return subjectOf(repository, branch, `write ${path} to lakefs://${repository}/${branch}`, path);
}
