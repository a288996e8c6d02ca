import { readFile } from 'node:fs/promises';
import { SluiceError } from '../base/errors.ts';
import { parseClients } from './clients.ts';
import { fileSystemTypes, typeOfClass } from './file-systems.ts';
import { hadoopConnections, type TargetScheme, unreadSettings } from './hadoop-connections.ts';
import { parseHadoopXml } from './hadoop-xml.ts';
import { badConfig, checkRouting, type RoutingConfig } from './mapping.ts';
import { parseProperties } from './properties.ts';
import { parseRouterfs } from './routerfs.ts';
import { settingsOf } from './settings.ts';
import { withoutSparkPrefix } from './spark-defaults.ts';
import { splitUri } from './uri.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a router's configuration as Spark and Hadoop hold it: a .properties file, spark-defaults.conf or a
 * Hadoop XML file such as core-site.xml. XML is told by its name or its first character.
 *
 * @param file path, or name for errors
 * @throws SluiceError BAD_CONFIG: the file's line, and what is wrong with it
 */
export function parseRouting(text: string, file: string, env: Environment = process.env): RoutingConfig {
  const isXml = /\.xml$/i.test(file) || /^\uFEFF?\s*</.test(text);
  const properties = isXml ? parseHadoopXml(text, file) : parseProperties(text, file);
  const settings = settingsOf(withoutSparkPrefix(properties), file, env);
  const routerfs = parseRouterfs(settings.filter(({ key }) => key.startsWith('routerfs.')));
  const { mappings, defaults, classes } = routerfs;
  if (mappings.length === 0 && Object.keys(defaults).length === 0) {
    throw badConfig(file, 'No mapping and no default: there is nothing to route (routerfs.mapping.…).');
  }
  const { typeOf, routed } = fileSystemTypes(settings);

  const schemes = new Map<string, TargetScheme>();
  const add = (scheme: string, type: string, origin: string): void => {
    if (type === 'router') {
      if (!defaults[scheme]) {
        throw badConfig(
          origin,
          `${scheme}:// leads back into the router: its file system is the RouterFileSystem.`,
        );
      }
    } else schemes.set(scheme, { scheme, type });
  };
  for (const { scheme, className, origin } of classes) add(scheme, typeOfClass(className, origin), origin);
  for (const target of [...Object.values(defaults), ...mappings]) {
    const { scheme } = splitUri(target.with)!;
    if (!schemes.has(scheme) && !defaults[scheme]) add(scheme, typeOf(scheme, target.origin), target.origin);
  }
  const targets = [...Object.values(defaults), ...mappings].map((target) => target.with);
  const config = checkRouting({
    mappings,
    defaults,
    ...hadoopConnections(settings, [...schemes.values()], targets),
    clients: parseClients(settings),
    routed,
  });
  return { ...config, warnings: [...config.warnings, ...unreadSettings(settings, [...schemes.values()])] };
}

/** Reads the file at `path`; see parseRouting. @throws SluiceError NOT_FOUND, BAD_CONFIG */
export async function readRouting(path: string, env: Environment = process.env): Promise<RoutingConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new SluiceError('NOT_FOUND', `The routing configuration ${path} cannot be read.`, { cause: error });
  }
  return parseRouting(text, path, env);
}
