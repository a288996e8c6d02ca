import { SluiceError, toSluiceError } from '../../base/errors.ts';
import type { ScheduleSettings } from '../../config/settings.ts';
import type { JobRecord } from '../../jobs/job.ts';
import type { RetentionReport } from '../retention/retention.ts';
import { clockOf } from './clock.ts';
import { ScheduleRunner, type ScheduleState } from './runner.ts';
import type { RunOptions } from './runs.ts';

export interface SchedulesOptions extends RunOptions {
  /** Those of sluice.yaml. */
  entries: readonly ScheduleSettings[];
}

/** How often changes are looked for that another process of the service made, and runs that it left. */
const LOOK_MS = 5000;

/**
 * All schedules: those of sluice.yaml, and those that were made here, which lie in the state and can be changed. Several
 * processes may share the state: each due time is taken by one of them.
 */
export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #runners = new Map<string, ScheduleRunner>();
  #looking: NodeJS.Timeout | undefined;
  /** Changes come one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /** @throws SluiceError BAD_CONFIG for a pattern, time zone or name that can't be used */
  async start(): Promise<void> {
    const { entries } = this.#options;
    for (const [i, { name }] of entries.entries()) {
      if (entries.findIndex((other) => other.name === name) < i) {
        throw new SluiceError('BAD_CONFIG', `There are two schedules "${name}".`);
      }
    }
    for (const entry of entries) await this.#add(entry, false);
    for (const runner of this.#runners.values()) await runner.start();
    await this.#look();
    this.#looking = setInterval(() => {
      this.#look().catch((error: unknown) => {
        this.#options.log.warn({ error: String(error) }, 'changes of schedules cannot be looked for');
      });
    }, LOOK_MS);
  }

  async list(): Promise<ScheduleState[]> {
    return await Promise.all([...this.#runners.values()].map((runner) => runner.state()));
  }

  /** @throws SluiceError NOT_FOUND */
  async get(name: string): Promise<ScheduleState> {
    return await this.#named(name).state();
  }

  /** @throws SluiceError ALREADY_EXISTS */
  async create(entry: ScheduleSettings): Promise<ScheduleState> {
    const { name } = entry;
    const taken = this.#runners.has(name) || !(await this.#options.store.add(entry));
    if (taken) {
      throw new SluiceError('ALREADY_EXISTS', `There is a schedule "${name}" already; choose another name.`);
    }
    await this.#look();
    return await this.get(name);
  }

  /** @throws SluiceError NOT_FOUND, CONFLICT (it stands in sluice.yaml) */
  async change(entry: ScheduleSettings): Promise<ScheduleState> {
    this.#own(entry.name);
    await this.#options.store.replace(entry);
    await this.#look();
    return await this.get(entry.name);
  }

  /** Its jobs stay. @throws SluiceError NOT_FOUND, CONFLICT (it stands in sluice.yaml) */
  async remove(name: string): Promise<void> {
    this.#own(name);
    await this.#options.store.remove(name);
    await this.#look();
  }

  /** Runs a schedule at once. @throws SluiceError NOT_FOUND, CONFLICT (it runs already) */
  async runNow(name: string): Promise<JobRecord> {
    return await this.#named(name).runNow();
  }

  /** Deletes old exports as a schedule's `keep` says. @throws SluiceError NOT_FOUND, BAD_SPEC (it says nothing) */
  async retain(name: string, dryRun: boolean): Promise<RetentionReport> {
    return await this.#named(name).retain(dryRun);
  }

  /** A paused schedule starts nothing by itself. @throws SluiceError NOT_FOUND */
  async pause(name: string, paused: boolean): Promise<void> {
    await this.#named(name).pause(paused);
  }

  /** Someone said that a branch has moved: those that wait for it look now. */
  moved(repository: string, branch: string): void {
    for (const runner of this.#runners.values()) {
      const { on } = runner.entry;
      if (on?.repository === repository && on.branch === branch) runner.wake();
    }
  }

  /** Jobs that run are left to the engine. */
  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#turn.catch(() => undefined);
    await Promise.all([...this.#runners.values()].map((runner) => runner.close()));
  }

  #named(name: string): ScheduleRunner {
    const runner = this.#runners.get(name);
    if (runner) return runner;
    throw new SluiceError('NOT_FOUND', `There is no schedule "${name}".`);
  }

  #own(name: string): void {
    if (this.#named(name).editable) return;
    throw new SluiceError(
      'CONFLICT',
      `The schedule "${name}" stands in sluice.yaml: change it there, and start the service again.`,
    );
  }

  /** Brings what runs here in step with what the state holds. */
  async #look(): Promise<void> {
    const mine = this.#turn.catch(() => undefined).then(() => this.#bringInStep());
    this.#turn = mine;
    await mine;
  }

  async #bringInStep(): Promise<void> {
    const entries = await this.#options.store.entries();
    for (const [name, runner] of this.#runners) {
      if (!runner.editable) continue;
      const now = entries.find((entry) => entry.name === name);
      if (now && JSON.stringify(now) === JSON.stringify(runner.entry)) continue;
      this.#runners.delete(name);
      await runner.close();
    }
    for (const entry of entries) {
      // One of sluice.yaml that came later has the name.
      if (this.#runners.has(entry.name)) continue;
      try {
        await (await this.#add(entry, true)).start();
      } catch (error) {
        const { message } = toSluiceError(error);
        this.#options.log.error({ schedule: entry.name, error: message }, 'a schedule cannot be used');
      }
    }
    for (const { name, job } of await this.#options.store.unfinished()) this.#runners.get(name)?.watch(job);
  }

  async #add(entry: ScheduleSettings, editable: boolean): Promise<ScheduleRunner> {
    const runner = new ScheduleRunner(entry, await clockOf(entry), editable, this.#options);
    this.#runners.set(entry.name, runner);
    return runner;
  }
}
