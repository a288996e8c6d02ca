import { SluiceError } from '../../base/errors.ts';
import { globToRegExp } from '../../base/glob.ts';

/** What a caller may do with jobs: each one by itself, admin all of them and more. */
export const JOB_ROLES = ['read', 'run', 'cancel', 'admin'] as const;
export type JobRole = (typeof JOB_ROLES)[number];
export const EXPORT_ACTIONS = ['create', 'read', 'cancel'] as const;
export type ExportAction = (typeof EXPORT_ACTIONS)[number];

/** Who calls, and what they may do. */
export interface Identity {
  /** For logs and the audit log. */
  name: string;
  roles: readonly string[];
}

const EXPORT_ROLE = /^export:(create|read|cancel)(?::(.+))?$/;

/**
 * Takes `read`, `run`, `cancel`, `admin`, and `export:create`, `export:read`, `export:cancel`, these with a pattern of
 * class names after another colon where they are for some classes only.
 * @throws SluiceError USAGE
 */
export function checkRole(role: string): string {
  const match = EXPORT_ROLE.exec(role);
  if (match?.[2] !== undefined) globToRegExp(match[2]);
  if (match || (JOB_ROLES as readonly string[]).includes(role)) return role;
  throw new SluiceError(
    'USAGE',
    `There is no role "${role}" (there are: ${JOB_ROLES.join(', ')}, export:create, export:read, export:cancel, and these with a pattern of classes such as export:read:Article*).`,
  );
}

export function mayJobs({ roles }: Identity, role: JobRole): boolean {
  return roles.includes('admin') || roles.includes(role);
}

/** Whether an export of these classes may be made, seen or cancelled: every one of them must be allowed. */
export function mayExport({ roles }: Identity, action: ExportAction, classes: readonly string[]): boolean {
  if (roles.includes('admin')) return true;
  const patterns = roles
    .map((role) => EXPORT_ROLE.exec(role))
    .filter((match) => match?.[1] === action)
    .map((match) => globToRegExp(match![2] ?? '*'));
  return patterns.length > 0 && classes.every((name) => patterns.some((pattern) => pattern.test(name)));
}

/** @throws SluiceError ACCESS_DENIED */
export function requireJobs(identity: Identity, role: JobRole): void {
  if (mayJobs(identity, role)) return;
  throw new SluiceError('ACCESS_DENIED', `${identity.name} may not do this: it needs the role "${role}".`);
}
