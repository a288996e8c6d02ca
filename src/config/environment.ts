import { isError } from '../base/errors.ts';
import { type Described, MASK } from './describe.ts';

/**
 * What holds for stores and services that no connection is given for: the environment's own variables and other
 * tools' files. Secrets are masked; what is not there is left out.
 */
export async function describeEnvironment(env: NodeJS.ProcessEnv = process.env): Promise<Described[]> {
  return [...(await lakefs(env)), ...(await s3(env))];
}

async function lakefs(env: NodeJS.ProcessEnv): Promise<Described[]> {
  const { parseLakefsConnection } = await import('../lake/client/connection.ts');
  try {
    const { endpoint, accessKeyId, from } = parseLakefsConnection(undefined, env);
    return [
      { setting: 'lakefs:// endpoint', value: endpoint, from: from.endpoint },
      { setting: 'lakefs:// access_key_id', value: accessKeyId, from: from.credentials },
      { setting: 'lakefs:// secret_access_key', value: MASK, from: from.credentials },
    ];
  } catch (error) {
    // Without a lake there is nothing to say; half of one is worth a line.
    if (!isError(error, 'BAD_CONFIG')) throw error;
    const some = Object.keys(env).some((name) => /^(LAKEFS|LAKECTL)_/.test(name) && env[name]);
    return some ? [{ setting: 'lakefs://', value: error.message, from: 'the environment' }] : [];
  }
}

async function s3(env: NodeJS.ProcessEnv): Promise<Described[]> {
  const { parseS3Connection } = await import('../stores/s3/settings.ts');
  const settings = parseS3Connection(undefined, env);
  const firstOf = (...names: string[]): string | undefined => names.find((name) => env[name]);
  const described: Described[] = [];
  const add = (
    setting: string,
    value: unknown,
    variable: string | undefined,
    otherwise = 'default',
  ): void => {
    described.push({ setting: `s3:// ${setting}`, value, from: variable ? `$${variable}` : otherwise });
  };
  if (settings.endpoint !== undefined) {
    add('endpoint', settings.endpoint, firstOf('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'));
  }
  add('region', settings.region, firstOf('AWS_REGION', 'AWS_DEFAULT_REGION'));
  if (settings.credentials.kind === 'static') {
    add('access_key_id', settings.credentials.accessKeyId, 'AWS_ACCESS_KEY_ID');
    add('secret_access_key', MASK, 'AWS_SECRET_ACCESS_KEY');
  } else {
    const profile = env.AWS_PROFILE ? `profile ${env.AWS_PROFILE}` : 'default profile';
    add('credentials', profile, undefined, "AWS's own chain: files, SSO, web identity, container, instance");
  }
  return described;
}
