import { SluiceError } from '../../base/errors.ts';

/** A place in a lake: `lakefs://repository/ref/path`. */
export interface LakeAddress {
  repository: string;
  /** A branch, a tag, a commit id (or the unambiguous beginning of one) or an expression such as `main~1`. */
  ref: string;
  /** A path or a prefix of paths, as it is (nothing is decoded); '' is everything. */
  path: string;
}

const FORM = 'It must look like lakefs://repository/ref or lakefs://repository/ref/path.';

/** @throws SluiceError BAD_URI with a sentence that says what is missing */
export function parseLakeUri(uri: string): LakeAddress {
  const match = /^lakefs:\/\/([^/]*)(?:\/([^/]*)(?:\/(.*))?)?$/is.exec(uri);
  if (!match) throw badUri(uri, FORM);
  const [, repository, ref, path] = match;
  if (!repository) throw badUri(uri, `The repository is missing. ${FORM}`);
  if (!ref) {
    throw badUri(
      uri,
      `The ref is missing: add a branch, a tag or a commit, as in lakefs://${repository}/main.`,
    );
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9-]*$/.test(repository)) {
    throw badUri(uri, `"${repository}" is no repository's name: those have letters, digits and "-".`);
  }
  // Branches have letters, digits, '_' and '-'; the names of tags are Git's: v1.2, release+1, ü.
  if (/^[-.]|\.\.|[\s\p{Cc}:?*[\\]/u.test(ref)) {
    throw badUri(
      uri,
      `"${ref}" is no ref: write a branch, a tag or a commit (which have no spaces and none of : ? * [ \\), and after it ~n, ^n or @ if need be.`,
    );
  }
  return { repository, ref, path: path ?? '' };
}

export function lakeUri(address: LakeAddress): string {
  return `lakefs://${address.repository}/${address.ref}${address.path === '' ? '' : `/${address.path}`}`;
}

function badUri(uri: string, why: string): SluiceError {
  return new SluiceError('BAD_URI', `${JSON.stringify(uri)} is not an address in a lake. ${why}`);
}

/** Where the bytes of an object lie, as lakeFS says it. */
export interface PhysicalAddress {
  /** The kind of object store, in the names of `Store.kind`. */
  kind: 's3' | 'gcs' | 'azure' | 'file';
  /** Bucket, Azure's `account/container`, or '' for the local block store. */
  container: string;
  key: string;
  /** What `openStore` takes to reach it. */
  uri: string;
}

/**
 * Reads `s3://bucket/key`, `gs://bucket/key`, `https://account.blob.core.windows.net/container/key` (other
 * clouds' endpoints too) and `local:///folder/key`.
 * @returns undefined for a kind of store that is none of these
 */
export function parsePhysicalAddress(address: string): PhysicalAddress | undefined {
  const bucket = /^(s3|gs):\/\/([^/]+)\/(.*)$/is.exec(address);
  if (bucket) {
    const kind = bucket[1]!.toLowerCase() === 's3' ? 's3' : 'gcs';
    return { kind, container: bucket[2]!, key: bucket[3]!, uri: address };
  }
  const azure = /^https:\/\/([^./]+)\.(?:blob|dfs)\.[^/]+\/([^/]+)\/(.*)$/is.exec(address);
  if (azure) return { kind: 'azure', container: `${azure[1]}/${azure[2]}`, key: azure[3]!, uri: address };
  const local = /^local:\/\/(\/.*)$/is.exec(address);
  if (local) return { kind: 'file', container: '', key: local[1]!.slice(1), uri: local[1]! };
  return undefined;
}
