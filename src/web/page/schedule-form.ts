import type { Json } from '../../base/json.ts';
import type { Field } from './forms.ts';

/** As GET /v1/schedules gives it. */
export interface Schedule {
  name: string;
  cron?: string;
  timezone?: string;
  on?: { repository: string; branch: string };
  keep?: Record<string, number>;
  job: { kind: string; spec: Json };
  /** It was made here; others stand in sluice.yaml. */
  editable: boolean;
  paused: boolean;
  next?: number;
  last?: { at: number; job: string; status: string };
  failures: number;
  retention?: { at: number; kept: number; deleted: number; failed: number; error?: string };
}

export const NAME: Field = {
  name: 'name',
  label: 'Name',
  type: 'text',
  needed: true,
  example: 'nightly',
};

/** When a schedule starts its job: at times, or when a branch moves. */
export const TIMES: Record<'cron' | 'on', { title: string; fields: readonly Field[] }> = {
  cron: {
    title: 'At times',
    fields: [
      {
        name: 'cron',
        label: 'Times (cron)',
        type: 'text',
        needed: true,
        example: '0 2 * * *',
        help: 'Minute, hour, day of the month, month, day of the week: 0 2 * * * is two at night.',
      },
      {
        name: 'timezone',
        label: 'Time zone',
        type: 'text',
        example: 'Europe/Berlin',
        help: "Empty: the service's own.",
      },
      {
        name: 'jitter',
        label: 'Up to so many seconds later',
        type: 'number',
        help: 'So that many schedules do not start at once.',
      },
      {
        name: 'catch_up',
        label: 'Times missed while the service was away',
        type: 'choice',
        choices: ['skip', 'once'],
      },
    ],
  },
  on: {
    title: 'When a branch moves',
    fields: [
      { name: 'on.repository', label: 'Repository', type: 'text', needed: true, example: 'repository' },
      { name: 'on.branch', label: 'Branch', type: 'text', needed: true, example: 'main' },
      {
        name: 'on.poll',
        label: 'Look every so many seconds',
        type: 'number',
        example: '60',
        help: 'A webhook of lakeFS tells at once.',
      },
    ],
  },
};

/** Which exports are kept when one has succeeded. */
export const KEEP: readonly Field[] = (
  [
    ['last', 'Newest ones'],
    ['hourly', 'Hours'],
    ['daily', 'Days'],
    ['weekly', 'Weeks'],
    ['monthly', 'Months'],
  ] as const
).map(([name, label]) => ({ name: `keep.${name}`, label, type: 'number' }));
