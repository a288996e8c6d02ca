import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Log } from '../../kind.ts';
import type { Workshop } from './activities/context.ts';
import { leadActivities } from './activities/lead.ts';
import { pageActivities } from './activities/pages.ts';
import { partActivities } from './activities/parts.ts';
import { planActivities } from './activities/plan.ts';
import type { Bundle } from './bundle.ts';
import { connectWorker, loadTemporal, type TemporalAddress } from './connect.ts';
import { workQueue } from './messages.ts';

/** Holds wait nearly all of their time, so that many cost little. */
const HOLDS_AT_ONCE = 1000;
/**
 * Workflows that are kept in memory between two of their tasks. Pages of a plan are open for as long as their job
 * runs, most of them at rest, and each takes about 1 MB: those that are needed again are read again.
 */
const MOST_CACHED = 200;
const CACHED_BYTES = 1.7e6;
/** Memory of the heap that is for everything else. */
const OTHER_BYTES = 200e6;
/** How long parts in flight have to notice that the worker ends. */
const GRACE_MS = 30_000;
/** How long the workflows of parts that were handed back have to hear of it from here. */
const HANDED_BACK_MS = 1000;

export interface WorkerOptions {
  to: TemporalAddress;
  bundle: Bundle;
  shop: Workshop;
  /** Parts that run here at once. */
  slots: number;
}

/** Takes work of a task queue in this process until it is closed. */
export class JobWorker {
  /** Of workflows and of parts. */
  readonly #workers: readonly [flows: Worker, parts: Worker];
  readonly #runs: readonly Promise<void>[];
  readonly #running: Promise<unknown>;
  readonly #connection: NativeConnection;
  #failure: unknown;

  private constructor(connection: NativeConnection, workers: readonly [Worker, Worker]) {
    this.#connection = connection;
    this.#workers = workers;
    this.#runs = workers.map((worker) => worker.run());
    this.#running = Promise.all(this.#runs).catch((error) => {
      this.#failure = error;
      for (const worker of workers) end(worker);
    });
  }

  /** @throws SluiceError CONNECTION, UNSUPPORTED */
  static async start({ to, bundle, shop, slots }: WorkerOptions): Promise<JobWorker> {
    const { Worker } = await loadTemporal(() => import('@temporalio/worker'));
    await installRuntime(shop.environment.log);
    const connection = await connectWorker(to);
    const { taskQueue } = shop;
    const lead = leadActivities(shop);
    const { closePages, ...pages } = pageActivities(shop);
    const common = {
      connection,
      namespace: to.namespace,
      shutdownGraceTime: 0,
      shutdownForceTime: GRACE_MS,
      maxHeartbeatThrottleInterval: shop.beat,
      defaultHeartbeatThrottleInterval: shop.beat,
    };
    try {
      const workers = [
        await Worker.create({
          ...common,
          taskQueue,
          workflowBundle: bundle,
          activities: { hold: lead.hold, closePages },
          maxConcurrentActivityTaskExecutions: HOLDS_AT_ONCE,
          maxCachedWorkflows: cached(),
          // Workflows of a worker that was lost are another's after this.
          stickyQueueScheduleToStartTimeout: 5000,
        }),
        await Worker.create({
          ...common,
          taskQueue: workQueue(taskQueue),
          activities: {
            ...{ prepare: lead.prepare, finish: lead.finish },
            ...{ ...partActivities(shop), ...planActivities(shop), ...pages },
          },
          maxConcurrentActivityTaskExecutions: slots,
        }),
      ] as const;
      return new JobWorker(connection, workers);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** Whether it takes work, or is about to. */
  get healthy(): boolean {
    return this.#failure === undefined && this.#workers.every((worker) => worker.getState() === 'RUNNING');
  }

  /** Resolves when it no longer works; rejects when that was not asked for. */
  async ended(): Promise<void> {
    await this.#running;
    if (this.#failure) throw this.#failure;
  }

  /**
   * Takes no more work; what is in flight is left for another worker. A step of a workflow that is given to a worker in
   * the moment in which it ends is lost until it is missed. Parts that are handed back make such steps, so they come
   * first, and those steps are waited for.
   */
  async close(): Promise<void> {
    const [flows, parts] = this.#workers;
    const busy = parts.getStatus().numInFlightActivities > 0;
    end(parts);
    await this.#runs[1]!.catch(() => undefined);
    if (busy) await sleep(HANDED_BACK_MS);
    end(flows);
    await this.#running;
    await this.#connection.close();
  }
}

function end(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}

function cached(): number {
  const room = Math.floor((getHeapStatistics().heap_size_limit - OTHER_BYTES) / CACHED_BYTES);
  return Math.max(10, Math.min(MOST_CACHED, room));
}

let installed = false;

/** The SDK's own logging goes where ours goes. Signals of the process are the command's to handle. */
async function installRuntime(log: Log): Promise<void> {
  if (installed) return;
  installed = true;
  const { makeTelemetryFilterString, Runtime } = await loadTemporal(() => import('@temporalio/worker'));
  const say = (level: 'debug' | 'warn' | 'error') => (message: string, meta?: object) =>
    // The queue of parts has no workflows; that is as it should be.
    log[message.startsWith('No workflows registered') ? 'debug' : level](
      { temporal: meta && plain(meta) },
      message,
    );
  Runtime.install({
    shutdownSignals: [],
    logger: {
      log: (level, message, meta) =>
        say(level === 'ERROR' ? 'error' : level === 'WARN' ? 'warn' : 'debug')(message, meta),
      trace: say('debug'),
      debug: say('debug'),
      info: say('debug'),
      warn: say('warn'),
      error: say('error'),
    },
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
    },
  });
}

/** Without big integers and cycles, which no JSON holds. */
function plain(meta: object): object {
  return Object.fromEntries(
    Object.entries(meta).map(([name, value]) => [
      name,
      value instanceof Error ? value.message : typeof value === 'object' ? undefined : String(value),
    ]),
  );
}
