import type { Connections } from '../base/connections.ts';
import type { Settings } from '../config/settings.ts';
import type { Engine } from '../jobs/engine.ts';
import { isPostgres } from '../jobs/state/open.ts';
import { checkTargets } from '../router/check.ts';
import { routingOfSection } from '../router/section.ts';
import { clockOf } from '../service/schedules/clock.ts';
import type { OpenStore } from '../stores/open.ts';
import { checkConnection } from './connections.ts';
import { type Finding, looked, ok, skipped } from './finding.ts';
import { checkDestination, checkSource, nameOf, placesOf } from './places.ts';
import { checkFolder, checkJobs, temporaryFolder } from './state.ts';

export interface Examined {
  /** Valid ones. */
  settings: Settings;
  connections: Connections;
  open: OpenStore;
  /** That only looks at jobs and works on none. */
  engine(): Promise<Engine>;
}

export interface ExamineOptions {
  signal: AbortSignal;
  /** Whether destinations are tried by writing and deleting a small object. */
  write: boolean;
  /** Milliseconds for each check. */
  patience?: number;
}

const PATIENCE = 30_000;

/**
 * Looks at everything that a configuration names, as the jobs will use it: all at once, told in one order. Nothing that
 * a check finds ends the others.
 * @throws SluiceError CANCELED
 */
export async function* examine(setup: Examined, options: ExamineOptions): AsyncGenerator<Finding> {
  const { settings, connections, open } = setup;
  const { signal, write, patience = PATIENCE } = options;
  const look = (check: string, work: (signal: AbortSignal) => Promise<Finding | Finding[]>) => {
    const findings = looked(check, patience, signal, work);
    // Told when its turn comes.
    findings.catch(() => {});
    return findings;
  };
  const all = [
    look('jobs', () => checkJobs(settings, () => setup.engine())),
    ...(isPostgres(settings.state)
      ? []
      : [look('state folder', () => checkFolder('state folder', settings.state))]),
    look('temporary files', () => checkFolder('temporary files', temporaryFolder())),
    ...settings.connections.map((connection) =>
      look(`connection ${connection.name}`, (until) => checkConnection(connection, open, until)),
    ),
    ...placesOf(settings, connections).map((place) =>
      look(nameOf(place), (until) =>
        place.side === 'source'
          ? checkSource(place, open, until)
          : checkDestination(place, open, until, write),
      ),
    ),
    look('gateway', (until) => checkGateway(settings, open, until)),
    ...settings.schedules.map((entry) => look(`schedule ${entry.name}`, () => checkSchedule(entry))),
  ];
  for (const findings of all) yield* await findings;
}

async function checkGateway(settings: Settings, open: OpenStore, signal: AbortSignal): Promise<Finding[]> {
  const { mappings = [], default: defaults = {} } = settings.gateway;
  if (mappings.length === 0 && Object.keys(defaults).length === 0) return [];
  const config = routingOfSection(settings.gateway, settings.connections, settings.use);
  const targets = await checkTargets(config, open, { signal });
  return targets.map(({ name, target, result, message, code }) => ({
    check: `gateway, ${name}`,
    result,
    message: `${target}: ${message}`,
    ...(code === undefined ? {} : { code: code as Finding['code'] }),
  }));
}

async function checkSchedule(entry: Settings['schedules'][number]): Promise<Finding> {
  const check = `schedule ${entry.name}`;
  const clock = await clockOf(entry);
  if (entry.enabled === false) return skipped(check, 'It is switched off (enabled: false).');
  if (!clock) return ok(check, `runs when ${entry.on!.repository}/${entry.on!.branch} has moved`);
  const next = clock.nextRuns(2).map((time) => time.toISOString());
  if (next.length === 0)
    return { check, result: 'warning', message: 'Its pattern has no time to come: it will never run.' };
  return ok(check, `runs next at ${next.join(' and ')}`);
}
