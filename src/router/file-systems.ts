import { badConfig } from './mapping.ts';
import type { Setting } from './routerfs.ts';
import { typeOfScheme } from './uri.ts';

/** Hadoop's file system classes, by their simple name, as the type of Connection that does the same here. */
const CLASSES: Record<string, string> = {
  S3AFileSystem: 's3',
  EmrFileSystem: 's3',
  LakeFSFileSystem: 'lakefs',
  GoogleHadoopFileSystem: 'gcs',
  AzureBlobFileSystem: 'azure',
  SecureAzureBlobFileSystem: 'azure',
  NativeAzureFileSystem: 'azure',
  LocalFileSystem: 'file',
  RawLocalFileSystem: 'file',
  RouterFileSystem: 'router',
};

/**
 * The type of Connection that a file system class stands for; `router` for the router itself.
 * @throws SluiceError BAD_CONFIG
 */
export function typeOfClass(className: string, origin: string): string {
  const simple = className.slice(className.lastIndexOf('.') + 1);
  const type = CLASSES[simple];
  if (type) return type;
  throw badConfig(
    origin,
    `There is no file system "${className}" here (there are: ${Object.keys(CLASSES).join(', ')}).`,
  );
}

/** Which type of Connection each scheme needs: `fs.<scheme>.impl`, else what the scheme stands for itself. */
export function fileSystemTypes(settings: readonly Setting[]): {
  typeOf(scheme: string, origin: string): string;
  /** Schemes whose file system is the router → where it says so. */
  routed: Record<string, string>;
} {
  const types = new Map<string, { type: string; line: string }>();
  const routed: Record<string, string> = {};
  for (const { key, value, origin } of settings) {
    const scheme = /^fs\.([^.]+)\.impl$/.exec(key)?.[1];
    if (scheme === undefined) continue;
    const simple = value.slice(value.lastIndexOf('.') + 1);
    types.set(scheme, { type: CLASSES[simple] ?? value, line: origin });
    if (CLASSES[simple] === 'router') routed[scheme] = origin;
  }
  return {
    routed,
    typeOf(scheme, origin) {
      const said = types.get(scheme);
      const type = said?.type ?? typeOfScheme(scheme);
      if (type === undefined) {
        throw badConfig(
          origin,
          `Nothing says which file system ${scheme}:// is: set fs.${scheme}.impl, for example to S3AFileSystem.`,
        );
      }
      return Object.values(CLASSES).includes(type) || typeOfScheme(scheme) === type
        ? type
        : typeOfClass(type, said?.line ?? origin);
    },
  };
}
