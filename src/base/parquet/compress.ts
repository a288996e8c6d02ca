import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';

export type Compression = 'zstd' | 'snappy' | 'gzip' | 'none';

/** The number that the footer holds (Parquet format, CompressionCodec). */
export const CODEC: Record<Compression, number> = { none: 0, snappy: 1, gzip: 2, zstd: 6 };

const zstdAsync = promisify(zstdCompress);
const gzipAsync = promisify(gzip);

/** Compresses a page; zstd and gzip do it on Node's thread pool. @param level the codec's own; its default when left out */
export async function compress(bytes: Buffer, codec: Compression, level?: number): Promise<Buffer> {
  if (codec === 'none') return bytes;
  if (codec === 'gzip') return gzipAsync(bytes, level === undefined ? {} : { level });
  if (codec === 'zstd') {
    return zstdAsync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level ?? 1 } });
  }
  const { snappyCompress } = await import('./snappy.ts');
  return snappyCompress(bytes);
}
