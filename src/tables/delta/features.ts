import { SluiceError } from '../../base/errors.ts';
import type { MetaData, Protocol } from './actions.ts';

/**
 * What a table feature means for a log that is written anew over the same (or copied) data files. docs/tables.md
 * gives the reasons, feature by feature.
 */
type Handling = 'passed' | { refused: string };

const STAGED_COMMITS =
  'its commits are kept by a catalog, so the log in the repository may lack the newest ones';
const REDIRECTED = 'the table only points to another one, which is the one to export';

export const FEATURES: Readonly<Record<string, Handling>> = {
  appendOnly: 'passed',
  invariants: 'passed',
  checkConstraints: 'passed',
  changeDataFeed: 'passed',
  generatedColumns: 'passed',
  allowColumnDefaults: 'passed',
  identityColumns: 'passed',
  columnMapping: 'passed',
  deletionVectors: 'passed',
  rowTracking: 'passed',
  domainMetadata: 'passed',
  clustering: 'passed',
  'clustering-preview': 'passed',
  timestampNtz: 'passed',
  typeWidening: 'passed',
  'typeWidening-preview': 'passed',
  variantType: 'passed',
  'variantType-preview': 'passed',
  'variantShredding-preview': 'passed',
  v2Checkpoint: 'passed',
  vacuumProtocolCheck: 'passed',
  inCommitTimestamp: 'passed',
  'inCommitTimestamp-preview': 'passed',
  icebergCompatV1: 'passed',
  icebergCompatV2: 'passed',
  icebergCompatV3: 'passed',
  icebergWriterCompatV1: 'passed',
  icebergWriterCompatV3: 'passed',
  checkpointProtection: 'passed',
  materializePartitionColumns: 'passed',
  'collations-preview': 'passed',
  catalogManaged: { refused: STAGED_COMMITS },
  'catalogOwned-preview': { refused: STAGED_COMMITS },
  'coordinatedCommits-preview': { refused: STAGED_COMMITS },
  'redirectReaderWriter-preview': { refused: REDIRECTED },
  'redirectWriterOnly-preview': { refused: REDIRECTED },
  redirectReaderWriter: { refused: REDIRECTED },
  redirectWriterOnly: { refused: REDIRECTED },
};

const COORDINATOR = 'delta.coordinatedCommits.commitCoordinator';

/**
 * @param allowed features that the user vouches for
 * @throws SluiceError UNSUPPORTED, naming the feature and why
 */
export function checkFeatures(protocol: Protocol, metaData: MetaData, allowed: readonly string[] = []): void {
  if (protocol.minReaderVersion > 3 || protocol.minWriterVersion > 7) {
    throw new SluiceError(
      'UNSUPPORTED',
      `The table asks for Delta reader version ${protocol.minReaderVersion} and writer version ${protocol.minWriterVersion}; the highest known here are 3 and 7. Use method "databricks" or "spark" for it.`,
    );
  }
  const names = new Set([...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])]);
  const coordinator = Object.keys(metaData.configuration ?? {}).find((key) => key.startsWith(COORDINATOR));
  if (coordinator) names.add('coordinatedCommits-preview');
  for (const name of names) {
    if (allowed.includes(name)) continue;
    const handling = FEATURES[name];
    if (handling === 'passed') continue;
    throw new SluiceError(
      'UNSUPPORTED',
      handling
        ? `The table uses the Delta feature "${name}": ${handling.refused}. Use method "databricks" or "spark" for it.`
        : `The table uses the Delta feature "${name}", which is not known here, so nothing says that its log can be written anew safely. Use method "databricks" or "spark", or name it in "allow_features" if you know that it can.`,
    );
  }
}

/** Properties that speak of versions or files which the written log does not have. */
const DROPPED = [
  'delta.inCommitTimestampEnablementVersion',
  'delta.inCommitTimestampEnablementTimestamp',
  'delta.requireCheckpointProtectionBeforeVersion',
  // The Iceberg metadata that UniForm announces is not written.
  'delta.universalFormat.enabledFormats',
];

const ENABLED_AT = ['delta.inCommitTimestampEnablementVersion', 'delta.inCommitTimestampEnablementTimestamp'];

export const hasInCommitTimestamps = (metaData: MetaData | undefined): boolean =>
  metaData?.configuration?.['delta.enableInCommitTimestamps'] === 'true';

/**
 * The table's metadata as the written log holds it, under an id of its own. In-commit timestamps that are switched on
 * at a later version must name it (protocol, "In-Commit Timestamps"): that of the written log, not of the source's.
 * @param target `before`: what the log says so far; `version` and `timestamp`: of the version to be written
 */
export function targetMetaData(
  source: MetaData,
  target: { id: string; before: MetaData | undefined; version: number; timestamp: number },
): MetaData {
  const configuration = Object.fromEntries(
    Object.entries(source.configuration ?? {}).filter(([key]) => !DROPPED.includes(key)),
  );
  if (hasInCommitTimestamps(source)) {
    if (hasInCommitTimestamps(target.before)) {
      for (const key of ENABLED_AT) {
        const value = target.before?.configuration?.[key];
        if (value !== undefined) configuration[key] = value;
      }
    } else if (target.version > 0) {
      configuration[ENABLED_AT[0]!] = String(target.version);
      configuration[ENABLED_AT[1]!] = String(target.timestamp);
    }
  }
  return { ...source, id: target.id, configuration };
}
