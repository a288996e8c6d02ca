import type { Command } from 'commander';
import type { Connection } from '../base/connections.ts';
import type { Settings } from '../config/settings.ts';
import { usage } from './errors.ts';
import { runExport } from './export.ts';
import { runs } from './session.ts';

interface ScriptOptions {
  branch?: string;
  commit_id?: string;
  prev_commit_id?: string;
}

/**
 * The arguments and the environment of lakeFS's own export script (its `lakefs-export` image): a branch or a
 * commit, never both; a previous commit only with a branch.
 */
export function define(command: Command): void {
  command
    .argument('<repo>', 'the repository')
    .argument('<dest>', 'the destination, such as s3://bucket/path/')
    .option('--branch <branch>', 'the branch to export')
    .option('--commit_id <commit>', 'the commit to export')
    .option('--prev_commit_id <commit>', 'only what changed since this commit')
    .addHelpText(
      'after',
      `
Environment: LAKEFS_ENDPOINT, LAKEFS_ACCESS_KEY_ID or LAKEFS_ACCESS_KEY, LAKEFS_SECRET_ACCESS_KEY or
LAKEFS_SECRET_KEY; AWS_ACCESS_KEY_ID or S3_ACCESS_KEY, AWS_SECRET_ACCESS_KEY or S3_SECRET_KEY, AWS_ENDPOINT,
AWS_REGION, S3_PROVIDER.

Examples:
  sluice lakefs-export example-repo s3://example-bucket/path/ --branch=main
  sluice lakefs-export example-repo s3://example-bucket/path/ --branch=main --prev_commit_id=2dd1fafc9906`,
    )
    .action(
      runs<ScriptOptions>(
        async (session, [repo, dest], { branch, commit_id: commit, prev_commit_id: previous }) => {
          if ((branch === undefined) === (commit === undefined))
            throw usage('Give --branch or --commit_id, and not both.');
          if (commit !== undefined && previous !== undefined)
            throw usage('--prev_commit_id goes with --branch, not with --commit_id.');
          const app = await session.app(withScriptEnvironment(await session.settings()));
          return await runExport(session, app, {
            source: `lakefs://${repo}/${branch ?? commit}`,
            destination: dest!,
            marker: 'lakefs',
            // The script takes any previous commit. What the destination holds is what counts; where it does
            // not say, everything is compared, which comes to the same end.
            ...(previous !== undefined && { since: 'last' }),
          });
        },
      ),
    );
}

/** The script's names for the object store's endpoint and keys, as a connection for s3://. */
function withScriptEnvironment(settings: Settings): Settings {
  const { env } = process;
  const accessKey = env.AWS_ACCESS_KEY_ID || env.S3_ACCESS_KEY;
  const secretKey = env.AWS_SECRET_ACCESS_KEY || env.S3_SECRET_KEY;
  const endpoint = env.AWS_ENDPOINT || env.AWS_ENDPOINT_URL;
  if (!accessKey && !secretKey && !endpoint) return settings;
  const connection: Connection = { name: 'lakefs-export', type: 's3' };
  if (accessKey) connection.access_key_id = accessKey;
  if (secretKey) connection.secret_access_key = secretKey;
  if (env.AWS_SESSION_TOKEN) connection.session_token = env.AWS_SESSION_TOKEN;
  if (endpoint) connection.endpoint = endpoint;
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION;
  if (region) connection.region = region;
  // Of rclone's providers only those that serve buckets as hosts need another style than an own endpoint has.
  if (endpoint && /^(AWS|Alibaba|TencentCOS|HuaweiOBS)$/i.test(env.S3_PROVIDER ?? ''))
    connection.path_style = false;
  return {
    ...settings,
    connections: [...settings.connections, connection],
    use: { 's3://': connection.name, 's3a://': connection.name, ...settings.use },
  };
}
