import { checkRouting } from '../../src/router/mapping.ts';
import { createRouter } from '../../src/router/router.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { storeContract } from '../contracts/store.ts';

// Mappings that cut through the keys of the suite: inside names, nested, and with other prefixes behind them.
const config = checkRouting({
  mappings: [
    { replace: 'routed://bucket/a/', with: 'memory://one/' },
    { replace: 'routed://bucket/li', with: 'memory://two/other/li' },
    { replace: 'routed://bucket/copy/a', with: 'memory://one/x/' },
    { replace: 'routed://bucket/multi', with: 'memory://two/up/load' },
    { replace: 'routed://bucket/k', with: 'memory://one/q' },
  ],
  defaults: { routed: { with: 'memory://' } },
});

const open = async () => {
  const stores = new Map<string, MemoryStore>();
  const router = createRouter(config, async (uri) => {
    const [, container = '', path = ''] = /^memory:\/\/([^/]+)\/(.*)$/s.exec(uri) ?? [];
    const store = stores.get(container) ?? new MemoryStore(`memory://${container}`);
    stores.set(container, store);
    return { store, path, uri };
  });
  return { store: await router.bucket('routed', 'bucket') };
};

storeContract('A router of memory stores', open, { showsModified: true });
