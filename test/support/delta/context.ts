import { Limiter } from '../../../src/base/limiter.ts';
import { silentLog } from '../../../src/jobs/kind.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import type { Store } from '../../../src/stores/store.ts';
import type {
  Exported,
  ExportRequest,
  MethodContext,
  TableSource,
  TableTarget,
} from '../../../src/tables/method.ts';

export const methodContext = (): MethodContext => ({
  signal: new AbortController().signal,
  slots: new Limiter(8),
  log: silentLog,
  progress() {},
  open: async (uri) => {
    throw new Error(`nothing to open at ${uri}`);
  },
});

export function memoryTarget(store: Store = new MemoryStore('memory://target')): TableTarget {
  return { uri: 'memory://target/main/table', store, root: 'main/table/' };
}

export const exportRequest = (
  source: TableSource,
  target: TableTarget,
  earlier?: Exported,
  options: Partial<ExportRequest['options']> = {},
): ExportRequest => ({
  source,
  target,
  earlier,
  options: { addresses: {}, allowFeatures: [], retentionDays: 7, ...options },
});
