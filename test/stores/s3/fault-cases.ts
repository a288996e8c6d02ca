/** A Store on a tiny S3 with a fault-injecting proxy between, for each test file that needs one. */
import { after, before, beforeEach } from 'node:test';
import { parseS3Connection, type S3Settings } from '../../../src/stores/s3/settings.ts';
import { S3Store } from '../../../src/stores/s3/store.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import { startTinyS3, type TinyS3 } from '../../support/tiny-s3.ts';

export interface Setup {
  tiny: TinyS3;
  proxy: FaultProxy;
  /** Tries five times, at once. */
  store: S3Store;
  open(changes?: Partial<S3Settings>): S3Store;
}

/** Registers the hooks; what it gives is filled before the first test. */
export function faultSetup(): Setup {
  const setup = {} as Setup;
  const opened: S3Store[] = [];
  before(async () => {
    setup.tiny = await startTinyS3();
    setup.proxy = await startFaultProxy(setup.tiny.endpoint);
    setup.open = (changes = {}) => {
      const settings = parseS3Connection({
        name: 'tiny',
        type: 's3',
        endpoint: setup.proxy.endpoint,
        region: 'us-east-1',
        access_key_id: 'AK',
        secret_access_key: 'SK',
        part_size: '5MiB',
        multipart_threshold: '10MB',
        copy_threshold: '10MB',
        copy_part_size: '5MiB',
      });
      const retry = { attempts: 5, baseDelay: 1, maxDelay: 5, deadline: 30_000 };
      const store = new S3Store({ ...settings, retry, ...changes }, 'bucket');
      opened.push(store);
      return store;
    };
    setup.store = setup.open();
  });
  beforeEach(() => {
    setup.proxy.clear();
    setup.tiny.objects.clear();
    setup.tiny.uploads.clear();
  });
  after(async () => {
    for (const store of opened) await store.close();
    await setup.proxy.stop();
    await setup.tiny.stop();
  });
  return setup;
}

/** Bytes that do not repeat, so that a piece in the wrong place is seen. */
export function bytesOf(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
  bytes.fill(7, size - (size % 4));
  return bytes;
}
