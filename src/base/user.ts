import { homedir, userInfo } from 'node:os';

/**
 * The home folder: $HOME, else the system's. A user without an entry there (a container's, with a number of its own)
 * has none; then it is `/`, where nothing is found, and whoever wants to write there is told by name.
 */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HOME) return env.HOME;
  try {
    return homedir();
  } catch {
    return '/';
  }
}

/** The name of the user who runs this process, or its number where there is no name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
