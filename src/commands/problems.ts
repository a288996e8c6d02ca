import type { Problem } from '../config/check.ts';
import type { Loaded } from '../config/load.ts';

/** Every mistake of a configuration: of its form, of its connections, of what the service reads. */
export async function allProblems(loaded: Loaded): Promise<Problem[]> {
  const [{ checkConnections }, { checkService }, { sluiceKinds }] = await Promise.all([
    import('../config/connection-checks.ts'),
    import('../service/check.ts'),
    import('../app.ts'),
  ]);
  return [
    ...loaded.problems,
    ...(await checkConnections(loaded)),
    ...(await checkService(loaded, sluiceKinds)),
  ];
}
