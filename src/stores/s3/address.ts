import { isIP } from 'node:net';
import { SluiceError } from '../../base/errors.ts';
import type { S3Settings } from './settings.ts';

/** Where requests for one bucket go. */
export interface S3Address {
  /** https://host:port */
  origin: string;
  /** As the Host header says it. */
  host: string;
  /** Before `/key` in every path: '' or '/bucket' or '/base/bucket'. */
  root: string;
  region: string;
}

/** @throws SluiceError BAD_URI for a name that no bucket can have */
export function addressOf(settings: S3Settings, bucket: string, region = settings.region): S3Address {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:-]{1,254}$/.test(bucket)) {
    throw new SluiceError('BAD_URI', `"${bucket}" cannot be the name of a bucket (s3://bucket/key).`);
  }
  const endpoint = new URL(settings.endpoint ?? awsEndpoint(region));
  const base = endpoint.pathname === '/' ? '' : endpoint.pathname;
  const pathStyle = settings.pathStyle ?? needsPathStyle(settings, endpoint, bucket);
  if (pathStyle) {
    return { origin: endpoint.origin, host: endpoint.host, root: `${base}/${bucket}`, region };
  }
  const host = `${bucket}.${endpoint.host}`;
  return { origin: `${endpoint.protocol}//${host}`, host, root: base, region };
}

/** AWS itself finds buckets by host; others seldom do unless told, and no certificate covers a dot in a bucket's name. */
function needsPathStyle(settings: S3Settings, endpoint: URL, bucket: string): boolean {
  if (isIP(endpoint.hostname.replace(/^\[|\]$/g, ''))) return true;
  if (settings.endpoint !== undefined && !isAws(settings)) return true;
  return bucket.includes('.') || bucket !== bucket.toLowerCase();
}

export function isAws(settings: S3Settings): boolean {
  if (settings.endpoint === undefined) return true;
  return /\.amazonaws\.com(\.cn)?$/.test(new URL(settings.endpoint).hostname);
}

function awsEndpoint(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
