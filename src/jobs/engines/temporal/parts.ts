import type { Client } from '@temporalio/client';
import { SluiceError } from '../../../base/errors.ts';
import { compareKeys } from '../../../base/keys.ts';
import type { PartStatus } from '../../job.ts';
import type { PartRecord } from '../../part.ts';
import { mayHold } from './book.ts';
import { type PageMemo, pageId } from './messages.ts';
import { beatsOf, readPage } from './reader.ts';
import { isNotFound } from './records.ts';

interface PageNote {
  last: string;
  open: boolean;
}

/** Parts in order of id, read from the histories of the job's pages; no worker is needed for it. */
/** @param statuses of pages, where known */
export async function listParts(
  client: Client,
  job: string,
  statuses: string | undefined,
  filter: { status?: PartStatus; search?: string; after?: string; limit: number },
): Promise<PartRecord[]> {
  const { status, search, after, limit } = filter;
  const text = search?.toLowerCase();
  const found: PartRecord[] = [];
  for (let page = await firstPage(client, job, after); ; page++) {
    const note = await noteOf(client, job, page);
    if (!note) return found;
    if (status !== undefined && !mayHold(statuses, page, status)) continue;
    const wanted = [...(await recordsOf(client, job, page, note.open))].filter(
      (part) =>
        (status === undefined || part.status === status) &&
        (after === undefined || compareKeys(part.id, after) > 0) &&
        (!text || textOf(part).includes(text)),
    );
    found.push(...wanted.slice(0, limit - found.length));
    if (found.length >= limit) return found;
  }
}

async function recordsOf(
  client: Client,
  job: string,
  page: number,
  open: boolean,
): Promise<Iterable<PartRecord>> {
  try {
    const { book } = await readPage(client, job, page);
    if (!open) return book.records();
    const beats = await beatsOf(client, job, page);
    for (const { ended } of beats) for (const each of ended) book.end(each);
    return book.records(new Set(beats.flatMap(({ running }) => running ?? [])));
  } catch (error) {
    // It ended so long ago that Temporal has forgotten it.
    if (error instanceof SluiceError && error.code === 'NOT_FOUND') return [];
    throw error;
  }
}

/** The page that holds what comes after an id: pages hold ascending ids, so few of them are looked at. */
async function firstPage(client: Client, job: string, after: string | undefined): Promise<number> {
  if (after === undefined) return 1;
  const isBefore = async (page: number): Promise<boolean> => {
    const note = await noteOf(client, job, page);
    return note !== undefined && compareKeys(note.last, after) <= 0;
  };
  let low = 1;
  let high = 1;
  while (await isBefore(high)) {
    low = high + 1;
    high *= 2;
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function noteOf(client: Client, job: string, page: number): Promise<PageNote | undefined> {
  try {
    const { memo, status } = await client.workflow.getHandle(pageId(job, page)).describe();
    const { plan } = (memo ?? {}) as PageMemo;
    return plan && { last: plan.last, open: status.name === 'RUNNING' };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function textOf({ id, label, error, failures }: PartRecord): string {
  return `${id} ${label} ${error ? JSON.stringify(error) : ''} ${JSON.stringify(failures)}`.toLowerCase();
}
