import type { Command } from 'commander';
import type { App } from '../app.ts';
import { startTracing } from '../base/tracing/tracing.ts';
import type { Flags, Loaded } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { EXIT, printError } from './errors.ts';
import { makeOutput, type Output } from './output.ts';
import { stopSignal } from './signals.ts';

/** Options of every command. */
export interface GlobalOptions {
  config?: string;
  state?: string;
  json?: boolean;
  quiet?: boolean;
  progress?: string;
  logLevel?: string;
  color?: boolean;
  debug?: boolean;
}

/** Options of any command that are settings too, and so beat the environment and the file. */
const SETTING_FLAGS: Record<string, { setting: string; flag: string }> = {
  state: { setting: 'state', flag: '--state' },
  logLevel: { setting: 'log_level', flag: '--log-level' },
  engine: { setting: 'engine', flag: '--engine' },
  partsAtOnce: { setting: 'parts_at_once', flag: '--parts-at-once' },
  concurrency: { setting: 'concurrency', flag: '--concurrency' },
  bandwidth: { setting: 'bandwidth', flag: '--bandwidth' },
};

/** One run of one command: its output, its settings, the parts of Sluice it needs, made when first asked for. */
export class Session {
  readonly globals: GlobalOptions;
  readonly output: Output;
  /** Aborted when the user wants the command to stop. */
  readonly signal: AbortSignal;
  readonly #options: Record<string, unknown>;
  #app: Promise<App> | undefined;
  #stopTracing: (() => Promise<void>) | undefined;

  constructor(options: Record<string, unknown>) {
    this.globals = options as GlobalOptions;
    this.output = makeOutput(this.globals);
    this.signal = stopSignal();
    this.#options = options;
  }

  /** What is configured, mistakes included. @throws SluiceError NOT_FOUND, ACCESS_DENIED */
  readonly loaded = async (): Promise<Loaded> => {
    const { loadSettings } = await import('../config/load.ts');
    const flags: Flags = Object.fromEntries(
      Object.entries(SETTING_FLAGS).map(([option, { setting, flag }]) => {
        const value = this.#options[option];
        return [setting, { value: value === undefined ? undefined : String(value), flag }];
      }),
    );
    return loadSettings({ config: this.globals.config, flags });
  };

  /** @throws SluiceError BAD_CONFIG with every mistake of the configuration */
  readonly settings = async (): Promise<Settings> => {
    const [{ requireValid }, loaded] = await Promise.all([import('../config/load.ts'), this.loaded()]);
    requireValid(loaded);
    return loaded.settings;
  };

  /** Sluice as it is configured, or with other settings; freed when the command ends. @throws SluiceError BAD_CONFIG */
  readonly app = (settings?: Settings): Promise<App> => {
    this.#app ??= this.#makeApp(settings);
    return this.#app;
  };

  async #makeApp(other: Settings | undefined): Promise<App> {
    this.#stopTracing = await startTracing();
    const settings = other ?? (await this.settings());
    const [{ createApp }, { makeLog }] = await Promise.all([import('../app.ts'), import('./log.ts')]);
    return createApp(settings, { log: makeLog(settings.log_level) });
  }

  async close(): Promise<void> {
    const app = await this.#app?.catch(() => undefined);
    this.#app = undefined;
    await app?.close();
    await this.#stopTracing?.();
    this.#stopTracing = undefined;
  }
}

/**
 * Makes a Commander action of a command's work: gives it a session, prints its error, frees everything and sets
 * the exit code that the work returns (none is 0).
 */
export function runs<Options extends object>(
  work: (session: Session, args: string[], options: Options) => Promise<number | undefined> | Promise<void>,
): (...all: unknown[]) => Promise<void> {
  return async (...all) => {
    const command = all.at(-1) as Command;
    const options = command.optsWithGlobals();
    const session = new Session(options);
    let code: number = EXIT.done;
    try {
      code = (await work(session, all.slice(0, -2).flat() as string[], options as Options)) ?? EXIT.done;
    } catch (error) {
      const { json = false, debug = false } = session.globals;
      const failed = printError(error, { json, debug });
      code = session.signal.aborted ? EXIT.interrupted : failed;
    }
    process.exitCode = code;
    await session.close().catch((error) => {
      printError(error, { json: false, debug: session.globals.debug === true });
    });
    // Sockets of a library that are still open must not keep a finished command.
    setTimeout(() => process.exit(), 1000).unref();
  };
}
