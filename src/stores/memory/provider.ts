import { SluiceError } from '../../base/errors.ts';
import type { StoreProvider } from '../open.ts';
import { MemoryStore } from './store.ts';

/** `memory://name/path`: a store of this process, gone when it ends. */
export const memoryProvider: StoreProvider = {
  schemes: ['memory'],
  connectionTypes: ['memory'],
  locate(uri) {
    const match = /^memory:\/\/([^/]+)\/?(.*)$/s.exec(uri);
    if (!match) {
      throw new SluiceError('BAD_URI', `${uri} names no store: write memory://name/path.`);
    }
    return { container: match[1]!, path: match[2]! };
  },
  async open(container) {
    return new MemoryStore(`memory://${container}`);
  },
};
