import { readSnapshot } from '../delta/snapshot.ts';
import type { ExportRequest, ExportResult, MethodContext } from '../method.ts';
import { checkTotals } from '../rewrite/verify.ts';

/**
 * What a clone made by Spark came to, read back from the log it wrote and compared with the source: files, bytes and
 * rows. The list of paths is Spark's own.
 * @throws SluiceError DIFFERENT
 */
export async function cloneResult(
  method: string,
  { source, target }: ExportRequest,
  details: Record<string, string | number>,
  context: MethodContext,
): Promise<ExportResult> {
  const wanted = await readSnapshot(source.store, source.root, context.signal);
  try {
    const expected = wanted.files.totals();
    const made = await readSnapshot(target.store, target.root, context.signal);
    try {
      const read = made.files.totals();
      checkTotals(target, { ...expected, digest: read.digest }, read);
      return {
        exported: {
          method,
          commit: source.commit,
          sourceRoot: source.root,
          sourceVersion: wanted.version,
          targetVersion: made.version,
          targetTag: made.segment.commits.at(-1)?.etag,
          totals: read,
          protocol: made.protocol,
          metaData: made.metaData,
        },
        written: true,
        counts: { added: read.files },
        details: { ...details, sourceVersion: wanted.version, targetVersion: made.version },
      };
    } finally {
      made.files.close();
    }
  } finally {
    wanted.files.close();
  }
}

/** The table as Spark reads it: through lakeFS' S3 gateway, at the commit. */
export function clonePath(template: string, { source }: ExportRequest): string {
  return template
    .replaceAll('{repository}', source.repository)
    .replaceAll('{commit}', source.commit)
    .replaceAll('{path}', source.root.replace(/\/$/, ''));
}

export const SOURCE_TEMPLATE = 's3a://{repository}/{commit}/{path}';
