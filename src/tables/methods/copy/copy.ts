import { SluiceError } from '../../../base/errors.ts';
import type { Add, Remove } from '../../delta/actions.ts';
import type { FileSet } from '../../delta/file-set.ts';
import { decodePath, encodePath, isAbsolute } from '../../delta/paths.ts';
import type { ExportRequest, Method } from '../../method.ts';
import { exportLog, type Placement } from '../../rewrite/export-log.ts';
import { storedAs } from '../../rewrite/lake-files.ts';
import { bringFiles } from './bring.ts';

/** Says in an add which content of its path is meant: the lake's checksum. */
const CHECKSUM_TAG = 'sluice.checksum';

/**
 * A deep, incremental clone: data files and deletion vectors are copied below the target, those that it lacks, and the
 * log names them by relative paths, which every Delta reader understands.
 */
const placement: Placement = {
  method: 'copy',
  ownsFiles: true,
  bring: bringFiles,
  place<T extends Add | Remove>(action: T, files: FileSet, _request: ExportRequest): T {
    if (isAbsolute(action.path)) throw elsewhere(action.path);
    const name = decodePath(action.path);
    const stored = storedAs(action, name, files);
    const placed: T = {
      ...action,
      path: encodePath(stored.placed ?? name),
      tags: { ...action.tags, [CHECKSUM_TAG]: stored.checksum },
    };
    const vector = action.deletionVector;
    if (vector?.storageType === 'p') throw elsewhere(vector.pathOrInlineDv);
    return placed;
  },
};

function elsewhere(uri: string): SluiceError {
  return new SluiceError(
    'UNSUPPORTED',
    `The table is itself a shallow clone: it needs ${uri}, which no commit of the lake pins. Export the table that it was cloned from, or use method "native".`,
  );
}

export const copy: Method = {
  name: 'copy',
  export: (request, context) => exportLog(request, placement, context),
};
