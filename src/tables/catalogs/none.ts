import type { Catalog } from './catalog.ts';

/** Files only. */
export const noCatalog: Catalog = {
  name: 'none',
  register: async ({ location }) => ({ fullName: location, action: 'unchanged' }),
  drop: async () => {},
};
