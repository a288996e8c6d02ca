import { SluiceError } from '../../base/errors.ts';
import type { StoreProvider } from '../open.ts';
import { parseGcsConnection } from './settings.ts';

/** `gs://bucket/key`: the key is everything after the bucket's slash, as it stands, not percent-encoded. */
export const gcsProvider: StoreProvider = {
  schemes: ['gs', 'gcs'],
  connectionTypes: ['gcs'],
  locate(uri) {
    const match = /^[a-z][a-z0-9+.-]*:\/\/([^/]+)(?:\/(.*))?$/is.exec(uri);
    if (!match) {
      throw new SluiceError('BAD_URI', `${uri} names no bucket: write gs://bucket or gs://bucket/path.`);
    }
    return { container: match[1]!, path: match[2] ?? '' };
  },
  async open(container, connection) {
    // Google's library takes its time to load, which other commands need not wait for.
    const { GcsStore } = await import('./store.ts');
    return new GcsStore(parseGcsConnection(connection), container);
  },
};
