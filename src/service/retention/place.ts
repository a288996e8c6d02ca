import { SluiceError } from '../../base/errors.ts';
import type { ScheduleSettings } from '../../config/settings.ts';
import { idOfRun } from '../schedules/spec.ts';

/** Where exports lie beside each other, each in a folder of its own. */
export interface RetentionPlace {
  /** URI of the folder above them. */
  folder: string;
  connection?: string | undefined;
  /** How many levels below it they lie. */
  levels: number;
  /** Which of them are meant, by their path below it; all when left out. */
  match?: RegExp;
}

/**
 * Where the exports of a schedule lie.
 * @throws SluiceError BAD_SPEC when its runs have no folder each
 */
export function placeOf(entry: ScheduleSettings): RetentionPlace {
  const { kind } = entry.job;
  const spec = entry.job.spec as { [name: string]: unknown } | null;
  const text = (name: string): string | undefined => {
    const value = spec?.[name];
    return typeof value === 'string' ? value : undefined;
  };
  const destination = text('destination')?.replace(/\/+$/, '') ?? '';
  if (kind !== 'lake-export' && kind !== 'vector-export') {
    throw bad(entry.name, `is for lake-export and vector-export, and its job is of kind ${kind}`);
  }
  const template =
    kind === 'vector-export' ? `${destination}/${text('id') ?? idOfRun(entry.name)}` : destination;
  const first = template.search(/\{(date|time)\}/);
  if (first < 0) {
    const names = kind === 'vector-export' ? 'destination or id' : 'destination';
    throw bad(
      entry.name,
      `needs a ${names} with {date} or {time} in it, so that each run has its own folder`,
    );
  }
  const cut = template.lastIndexOf('/', first) + 1;
  const folder = template.slice(0, cut);
  if (/^([a-z][a-z0-9+.-]*:\/\/)?$/i.test(folder)) {
    throw bad(entry.name, 'needs a folder or bucket before {date} or {time}');
  }
  const below = template.slice(cut);
  return {
    folder,
    connection: text(kind === 'vector-export' ? 'connection' : 'destinationConnection'),
    levels: below.split('/').length,
    match: new RegExp(
      `^${below
        .split(/(\{date\}|\{time\})/)
        .map(patternOf)
        .join('')}$`,
    ),
  };
}

function patternOf(part: string): string {
  if (part === '{date}') return '\\d{4}-\\d\\d-\\d\\d';
  if (part === '{time}') return '\\d{6}';
  return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

const bad = (name: string, why: string): SluiceError =>
  new SluiceError('BAD_SPEC', `"keep" of the schedule "${name}" ${why}.`);
