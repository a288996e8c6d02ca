import type { Add, Remove } from '../../delta/actions.ts';
import { atAddress, deletionVectorFile } from '../../delta/deletion-vectors.ts';
import type { FileSet, StoredFile } from '../../delta/file-set.ts';
import { decodePath, encodeAddress, isAbsolute } from '../../delta/paths.ts';
import type { ExportRequest, Method } from '../../method.ts';
import { exportLog, type Placement } from '../../rewrite/export-log.ts';
import { storedAs } from '../../rewrite/lake-files.ts';
import { readableAddress } from './addresses.ts';

/**
 * A shallow clone without a cluster: the target is a Delta log whose files are the very objects that the lake
 * holds, each by its physical address. No data moves.
 */
const placement: Placement = {
  method: 'native',
  ownsFiles: false,
  place<T extends Add | Remove>(action: T, files: FileSet, request: ExportRequest): T {
    const { addresses } = request.options;
    const placed: T = { ...action };
    if (!isAbsolute(action.path)) {
      placed.path = uriOf(storedAs(action, decodePath(action.path), files), addresses);
    }
    const vector = action.deletionVector;
    if (vector?.storageType === 'u') {
      const file = files.stored(deletionVectorFile(vector)!)!;
      placed.deletionVector = atAddress(vector, uriOf(file, addresses));
    }
    return placed;
  },
};

const uriOf = (file: StoredFile, addresses: Record<string, string>): string =>
  encodeAddress(readableAddress(file.address, addresses));

export const native: Method = {
  name: 'native',
  export: (request, context) => exportLog(request, placement, context),
};
