import { SluiceError } from '../base/errors.ts';

/** The catalog's name of a table: `-` is not allowed there without quoting, so it becomes `_`. */
export function tableName(name: string): string {
  return name.replaceAll('-', '_');
}

/**
 * The catalog's schema for a branch.
 * @param template text in which `{branch}` and `{repository}` stand for themselves
 * @throws SluiceError BAD_CONFIG for a result that no catalog takes
 */
export function schemaName(template: string, at: { branch: string; repository: string }): string {
  const name = template.replaceAll('{branch}', at.branch).replaceAll('{repository}', at.repository);
  // Unity Catalog: at most 255 characters, none of them a dot, space, slash or control character.
  if (name === '' || name.length > 255 || /[./\s\x00-\x1f\x7f]/.test(name)) {
    throw new SluiceError(
      'BAD_CONFIG',
      `"${name}" cannot be the name of a schema: it must have 1 to 255 characters, none of them a dot, a slash or a space. Change "schema" of the catalog.`,
    );
  }
  return name;
}

/** The folder of a table: one for a branch, stable over commits. Without a '/' at its end. */
export function targetUri(base: string, branch: string, name: string): string {
  return `${base.replace(/\/+$/, '')}/${branch}/${name}`;
}
