import type { Connection } from '../../../base/connections.ts';
import { SluiceError } from '../../../base/errors.ts';
import { SettingReader } from '../../../stores/setting-reader.ts';
import { RestClient } from '../../rest.ts';

export interface UnityConnection {
  /** `http://…`, without a '/' at its end. */
  url: string;
  /** A server without sign-in needs none. */
  token?: string;
}

/** @throws SluiceError BAD_CONFIG, naming what is missing */
export function parseUnityConnection(connection: Connection): UnityConnection {
  new SettingReader(connection.name, connection).known(['url', 'token'], 'Unity Catalog');
  const { url, token } = connection;
  if (typeof url !== 'string' || !/^https?:\/\//.test(url)) {
    throw new SluiceError(
      'BAD_CONFIG',
      `The connection "${connection.name}" needs a "url", such as http://127.0.0.1:8080.`,
    );
  }
  if (token !== undefined && typeof token !== 'string') {
    throw new SluiceError('BAD_CONFIG', `The "token" of the connection "${connection.name}" must be a text.`);
  }
  return { url: url.replace(/\/+$/, ''), token };
}

/** @param options how long to wait between tries */
export function unityRest(
  { url, token }: UnityConnection,
  options: { pause?: number; attempts?: number } = {},
): RestClient {
  return new RestClient({
    name: `Unity Catalog at ${url}`,
    endpoint: url,
    ...options,
    authorization: async () => (token === undefined ? undefined : `Bearer ${token}`),
  });
}
