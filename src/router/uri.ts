/** A URI as object stores write them: `scheme://authority/key`, with nothing decoded. */
export interface UriParts {
  scheme: string;
  /** Bucket, container, repository; '' in `file:///…`. */
  authority: string;
  /** Without the slash that follows the authority; undefined when there is none. */
  key: string | undefined;
}

const URI = /^([a-z0-9][a-z0-9+._-]*):\/\/([^/]*)(?:\/(.*))?$/is;

/** @returns undefined when the text is no such URI */
export function splitUri(uri: string): UriParts | undefined {
  const match = URI.exec(uri);
  if (!match) return undefined;
  return { scheme: match[1]!.toLowerCase(), authority: match[2]!, key: match[3] };
}

/** The same URI with its scheme in lower case; other text comes back as it is. */
export function normalizeScheme(uri: string): string {
  const parts = splitUri(uri);
  return parts ? parts.scheme + uri.slice(parts.scheme.length) : uri;
}

/** How each type of Connection is addressed: its schemes, and how many names after `://` make a container. */
export const CONNECTION_TYPES: Record<string, { schemes: readonly string[]; depth: number }> = {
  s3: { schemes: ['s3', 's3a', 's3n'], depth: 1 },
  gcs: { schemes: ['gs', 'gcs'], depth: 1 },
  azure: { schemes: ['az', 'azure', 'abfs', 'abfss', 'wasb', 'wasbs'], depth: 1 },
  lakefs: { schemes: ['lakefs'], depth: 2 },
  file: { schemes: ['file'], depth: 0 },
  memory: { schemes: ['memory'], depth: 1 },
};

/** The type of Connection that a scheme stands for by itself; undefined for a scheme of the user's own. */
export function typeOfScheme(scheme: string): string | undefined {
  return Object.keys(CONNECTION_TYPES).find((type) => CONNECTION_TYPES[type]!.schemes.includes(scheme));
}
