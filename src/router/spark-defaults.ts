import type { Property } from './properties.ts';

const PREFIX = 'spark.hadoop.';

/**
 * What a Spark configuration says to Hadoop: `spark.hadoop.fs.s3a.endpoint` is Hadoop's `fs.s3a.endpoint`.
 * Settings without the prefix stay as they are, so that one file may serve Spark and this program.
 */
export function withoutSparkPrefix(properties: readonly Property[]): Property[] {
  return properties.map((property) =>
    property.key.startsWith(PREFIX) ? { ...property, key: property.key.slice(PREFIX.length) } : property,
  );
}
