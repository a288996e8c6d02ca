import { SluiceError } from '../../base/errors.ts';
import type { StoreProvider } from '../open.ts';
import { parseS3Connection } from './settings.ts';

/** `s3://bucket/key`: the key is everything after the bucket's slash, as it stands, not percent-encoded. */
export const s3Provider: StoreProvider = {
  schemes: ['s3', 's3a', 's3n'],
  connectionTypes: ['s3'],
  locate(uri) {
    const match = /^[a-z][a-z0-9+.-]*:\/\/([^/]+)(?:\/(.*))?$/is.exec(uri);
    if (!match) {
      throw new SluiceError('BAD_URI', `${uri} names no bucket: write s3://bucket or s3://bucket/path.`);
    }
    return { container: match[1]!, path: match[2] ?? '' };
  },
  async open(container, connection) {
    // Its HTTP client takes a fifth of a second to load, which other commands need not wait for.
    const { S3Store } = await import('./store.ts');
    return new S3Store(parseS3Connection(connection), container);
  },
};
