import { request } from 'undici';
import type { Connection } from '../../base/connections.ts';
import { SluiceError } from '../../base/errors.ts';
import { SettingReader } from '../../stores/setting-reader.ts';
import { RestClient } from '../rest.ts';

/** A workspace, and who we are there: a token, or a service principal's id and secret. */
export interface DatabricksConnection {
  /** `https://…`, without a '/' at its end. */
  host: string;
  token?: string;
  clientId?: string;
  clientSecret?: string;
}

/** @throws SluiceError BAD_CONFIG, naming what is missing */
export function parseDatabricksConnection(connection: Connection): DatabricksConnection {
  const bad = (why: string): SluiceError =>
    new SluiceError('BAD_CONFIG', `The Databricks connection "${connection.name}" ${why}.`);
  const text = (key: string): string | undefined => {
    const value = connection[key];
    if (value === undefined || value === '') return undefined;
    if (typeof value !== 'string') throw bad(`has a "${key}" that is no text`);
    return value;
  };
  new SettingReader(connection.name, connection).known(
    ['host', 'token', 'client_id', 'client_secret', 'warehouse_id'],
    'Databricks',
  );
  const host = text('host');
  if (!host) throw bad('has no "host", such as https://your-workspace.azuredatabricks.net');
  const url = /^https?:\/\//.test(host) ? host : `https://${host}`;
  const result: DatabricksConnection = {
    host: url.replace(/\/+$/, ''),
    token: text('token'),
    clientId: text('client_id'),
    clientSecret: text('client_secret'),
  };
  if (result.token && (result.clientId || result.clientSecret)) {
    throw bad('has both a token and a client id or secret; keep one of them');
  }
  if (!result.token && !(result.clientId && result.clientSecret)) {
    throw bad('needs a "token", or "client_id" and "client_secret" of a service principal');
  }
  return result;
}

/** @param options how often to try */
export function databricksRest(
  connection: DatabricksConnection,
  options: { attempts?: number } = {},
): RestClient {
  const { host, token } = connection;
  let held: { authorization: string; until: number } | undefined;
  return new RestClient({
    name: `Databricks at ${host}`,
    endpoint: host,
    ...options,
    async authorization(refresh) {
      if (token !== undefined) return `Bearer ${token}`;
      if (refresh || !held || Date.now() > held.until) held = await oauthToken(connection);
      return held.authorization;
    },
  });
}

/** OAuth 2 client credentials, at the workspace's own endpoint. */
async function oauthToken({
  host,
  clientId,
  clientSecret,
}: DatabricksConnection): Promise<{ authorization: string; until: number }> {
  const name = `Databricks at ${host}`;
  const answer = await request(`${host}/oidc/v1/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials&scope=all-apis',
  }).catch((error: Error) => {
    throw new SluiceError('CONNECTION', `${name} did not answer a sign-in: ${error.message}`, {
      cause: error,
    });
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) {
    const code = answer.statusCode >= 500 || answer.statusCode === 429 ? 'UNAVAILABLE' : 'UNAUTHENTICATED';
    throw new SluiceError(
      code,
      `${name} refused the sign-in with client id ${clientId} (${answer.statusCode}). Check client_id and client_secret.`,
      { status: answer.statusCode },
    );
  }
  const { access_token, expires_in } = JSON.parse(text) as { access_token: string; expires_in: number };
  // A minute early, so that it does not run out on its way.
  return { authorization: `Bearer ${access_token}`, until: Date.now() + (expires_in - 60) * 1000 };
}
