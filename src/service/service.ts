import { isError } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import type { Engine } from '../jobs/engine.ts';
import type { JobRecord, JobStatus } from '../jobs/job.ts';
import { openDatabase } from '../jobs/state/open.ts';
import type { Database } from '../jobs/state/sql.ts';
import { eventsSchema } from '../tables/events/schema.ts';
import { checkAllowed } from './allow.ts';
import { Answers } from './answers.ts';
import { Audit } from './audit.ts';
import type { ServiceApp } from './context.ts';
import { Exports } from './exports/exports.ts';
import { Keys } from './identity/keys.ts';
import { RateLimit } from './identity/rate-limit.ts';
import { LiveEvents } from './live.ts';
import { createServiceMetrics, type ServiceMetrics } from './metrics.ts';
import { JobNotices } from './notices/job-notices.ts';
import { Notifier } from './notices/notifier.ts';
import { placeOf } from './retention/place.ts';
import { retain } from './retention/retention.ts';

import { Schedules } from './schedules/schedules.ts';
import { ScheduleStore } from './schedules/store.ts';
import { serviceSchema } from './schema.ts';
import { type ServiceOptions, serviceOptions } from './settings.ts';
import { ServiceTables } from './tables.ts';

/** Ids of jobs that schedules, and that webhooks of lakeFS started. */
const SCHEDULED = /^schedule-.+-\d{8}T\d{9}Z$/;
const HOOKED = /^hook-[0-9a-f]{24}-\d+$/;
const DAY_MS = 86_400_000;
/** How often jobs that ended long ago are forgotten. */
const FORGET_MS = 3_600_000;
/** How often jobs are looked for that another process of the service left. */
const LOOK_MS = 10_000;

/** Everything behind the HTTP API: what is remembered, what runs by itself, what happens now. */
export class Service {
  readonly app: ServiceApp;
  readonly options: ServiceOptions;
  readonly engine: Engine;
  /** What the service itself remembers. */
  readonly db: Database;
  readonly #events: Database;
  readonly keys: Keys;
  readonly audit: Audit;
  readonly live: LiveEvents;
  readonly metrics: ServiceMetrics;
  readonly answers: Answers;
  readonly exports: Exports;
  readonly tables: ServiceTables;
  readonly schedules: Schedules;
  readonly #notices: JobNotices;
  stopping = false;
  #looking: NodeJS.Timeout | undefined;
  #pruning: NodeJS.Timeout | undefined;
  #forgetting: Promise<void> | undefined;
  /** Jobs that are being started. */
  readonly #starting = new Set<Promise<JobRecord>>();

  private constructor(
    app: ServiceApp,
    options: ServiceOptions,
    engine: Engine,
    db: Database,
    events: Database,
    live: LiveEvents,
    metrics: ServiceMetrics,
  ) {
    this.app = app;
    this.options = options;
    this.engine = engine;
    this.db = db;
    this.#events = events;
    this.live = live;
    this.metrics = metrics;
    this.answers = new Answers(live.hub);
    this.keys = new Keys(db);
    this.audit = new Audit(app.settings.state, db, app.log);
    this.exports = new Exports(db, engine, app.open);
    const { settings, connections, open, log } = app;
    this.tables = new ServiceTables({ settings, connections, open, engine, log, db: events });
    const notifier = new Notifier(options.notify, log);
    this.#notices = new JobNotices({
      ...{ engine, hub: live.hub, db, notifier, log },
      concerns: async ({ id }) => {
        // A job may end before it is written down whose it is.
        await Promise.allSettled(this.#starting);
        return !SCHEDULED.test(id) && (HOOKED.test(id) || (await this.#isOwn(id)));
      },
    });
    this.schedules = new Schedules({
      entries: settings.schedules,
      store: new ScheduleStore(db),
      engine,
      connections,
      notifier,
      log,
      retain: async (entry, dryRun, signal) => {
        const { keep = {}, timezone: timeZone } = entry;
        const request = { place: placeOf(entry), keep, timeZone, bySource: false, dryRun, signal };
        const report = await retain(request, { open, engine });
        if (!dryRun) await this.audit.noteRetention(`schedule:${entry.name}`, report);
        return report;
      },
      start: async (kind, spec, id, editable) => {
        // What was allowed when the schedule was made may not be by now.
        if (editable) checkAllowed(kind, spec, { name: 'schedules', roles: ['admin'] }, options.allow);
        return await this.start(kind, spec, id);
      },
    });
  }

  /** @throws SluiceError BAD_CONFIG, or what keeps the state from being used */
  static async open(app: ServiceApp): Promise<Service> {
    const options = serviceOptions(app.settings.service);
    const engine = await app.engine();
    const { state } = app.settings;
    const db = await openDatabase(state, serviceSchema);
    const events = await openDatabase(state, eventsSchema).catch(async (error: unknown) => {
      await db.close();
      throw error;
    });
    const live = new LiveEvents(engine, app.log);
    try {
      const metrics = await createServiceMetrics(engine, live.hub);
      return new Service(app, options, engine, db, events, live, metrics);
    } catch (error) {
      await live.close();
      await Promise.all([db.close(), events.close()]);
      throw error;
    }
  }

  /** Goes on with what an earlier process left, then begins to do what is due. */
  async begin(): Promise<void> {
    await this.exports.startLost().catch((error: unknown) => {
      this.app.log.warn({ error: String(error) }, 'an export that was asked for cannot be started');
    });
    await this.#resumeLost();
    await this.tables.events.start();
    this.#notices.start();
    await this.schedules.start();
    this.#looking = setInterval(() => {
      const looked = Promise.all([this.#resumeLost(), RateLimit.prune(this.db)]);
      looked.catch((error: unknown) => {
        this.app.log.warn({ error: String(error) }, 'jobs that were left cannot be looked for');
      });
    }, LOOK_MS);
    const forget = (): void => {
      this.#forgetting = this.#forgetOld().catch((error: unknown) => {
        if (!this.stopping) this.app.log.warn({ error: String(error) }, 'old jobs cannot be forgotten');
      });
    };
    forget();
    this.#pruning = setInterval(forget, FORGET_MS);
  }

  /** Forgets jobs that ended long ago, as `history` says, and what else is remembered of them. */
  async #forgetOld(): Promise<void> {
    const { days, jobs: keep } = this.app.settings.history ?? {};
    if (days === undefined && keep === undefined) return;
    const before = days === undefined ? undefined : Date.now() - days * DAY_MS;
    const forgotten = await this.engine.prune?.({
      before,
      keep,
      onForget: async (ids) => {
        // An export whose job is gone has nothing left to tell.
        for (const table of ['exports', 'started']) {
          await this.db.runEach(
            `DELETE FROM ${table} WHERE job = ?`,
            ids.map((id) => [id]),
          );
        }
      },
    });
    if (forgotten) this.app.log.info({ jobs: forgotten }, 'jobs that ended long ago are forgotten');
  }

  /** Starts a job of the service's own, which is gone on with after a restart. */
  async start(kind: string, spec: Json, id?: string): Promise<JobRecord> {
    return await this.#own(this.engine.submit(kind, spec, id === undefined ? {} : { id }));
  }

  async resume(id: string): Promise<JobRecord> {
    return await this.#own(this.engine.resume(id));
  }

  /** Ends what waits and listens; running jobs are the engine's to leave. */
  async close(): Promise<void> {
    this.stopping = true;
    clearInterval(this.#looking);
    clearInterval(this.#pruning);
    await this.#forgetting;
    await Promise.all([
      this.schedules.close(),
      this.#notices.close(),
      this.tables.events.close(),
      this.live.close(),
    ]);
    await Promise.all([this.db.close(), this.#events.close()]);
  }

  async #own(starting: Promise<JobRecord>): Promise<JobRecord> {
    const owned = starting.then(async (record) => {
      await this.db.run('INSERT INTO started (job) VALUES (?) ON CONFLICT DO NOTHING', record.id);
      return record;
    });
    this.#starting.add(owned);
    try {
      return await owned;
    } finally {
      this.#starting.delete(owned);
    }
  }

  /** Jobs that someone started at a terminal and stopped there are not the service's to go on with. */
  async #resumeLost(): Promise<void> {
    for (const status of ['STARTED', 'TRANSFERRING'] satisfies JobStatus[]) {
      for (let after: string | undefined; ; ) {
        const page = await this.engine.list({ status, ...(after === undefined ? {} : { after }) });
        for (const job of page.jobs) {
          if (!job.interrupted || !(await this.#isOwn(job.id))) continue;
          this.app.log.info({ job: job.id }, 'goes on with a job that was interrupted');
          await this.engine.resume(job.id).catch((error: unknown) => {
            // Another process was faster.
            if (!isError(error, 'CONFLICT')) throw error;
          });
        }
        after = page.next;
        if (after === undefined) break;
      }
    }
  }

  async #isOwn(job: string): Promise<boolean> {
    const row = await this.db.get(
      'SELECT job FROM started WHERE job = ? UNION ALL SELECT job FROM exports WHERE job = ?',
      ...[job, job],
    );
    return row !== undefined;
  }
}
