import { type Command, InvalidArgumentError } from 'commander';
import { formatTable, printable } from '../base/format.ts';
import type { Json } from '../base/json.ts';
import { userName } from '../base/user.ts';
import { silentLog } from '../jobs/kind.ts';
import { openDatabase } from '../jobs/state/open.ts';
import { Audit } from '../service/audit.ts';
import { type KeyRecord, Keys } from '../service/identity/keys.ts';
import { serviceSchema } from '../service/schema.ts';
import { runs, type Session } from './session.ts';

const DAY_MS = 86_400_000;

export function define(command: Command): void {
  command.addHelpText(
    'after',
    `
Roles: read, run, cancel, admin (all of them); export:create, export:read, export:cancel, with a pattern of classes where
they are for some only (export:read:Article*). Keys are kept hashed in the state, which the service must share.

Examples:
  sluice keys create ci --role run --role read --expires 90d
  sluice keys list
  sluice keys revoke ci`,
  );
  command
    .command('create <name>')
    .description('Make a key and print it; it cannot be shown again.')
    .addHelpText(
      'after',
      `\nExamples:\n  sluice keys create ci --role run --role read --expires 90d\n  sluice keys create reports --role export:read:Article* --expires 2027-01-31`,
    )
    .requiredOption('--role <role...>', 'what its owner may do')
    .option('--expires <time>', 'days such as 90d, or a date such as 2027-01-31', toExpiry)
    .action(
      runs<{ role: string[]; expires?: number }>((session, [name], { role, expires }) =>
        withKeys(session, async (keys, note) => {
          const { key, record } = await keys.create({ name: name!, roles: role, expiresAt: expires });
          await note('create key', record.name);
          session.output.result({ key, ...asJson(record) }, () => key);
          session.output.note('Keep it now: it is not shown again.');
        }),
      ),
    );
  command
    .command('list')
    .description('Show keys, without their secrets.')
    .addHelpText('after', `\nExamples:\n  sluice keys list\n  sluice keys list --json`)
    .action(
      runs((session) =>
        withKeys(session, async (keys) => {
          const found = await keys.list();
          if (session.output.json) {
            for (const record of found) session.output.result(asJson(record), () => '');
            return;
          }
          if (found.length === 0) session.output.note('There are no keys.');
          else session.output.result(null, () => formatTable(HEADER, found.map(toRow)));
        }),
      ),
    );
  command
    .command('revoke <name>')
    .description('Make a key useless, at once.')
    .addHelpText('after', `\nExamples:\n  sluice keys revoke ci`)
    .action(
      runs((session, [name]) =>
        withKeys(session, async (keys, note) => {
          await keys.revoke(name!);
          await note('revoke key', name!);
          session.output.note(`The key "${name}" is revoked.`);
        }),
      ),
    );
}

const HEADER = ['NAME', 'ID', 'ROLES', 'MADE', 'EXPIRES', 'LAST USED'];

function toRow(record: KeyRecord): string[] {
  const day = (time: number | null): string =>
    time === null ? '' : new Date(time).toISOString().slice(0, 16).replace('T', ' ');
  const { name, id, roles, createdAt, expiresAt, lastUsed } = record;
  return [printable(name), id, roles.join(' '), day(createdAt), day(expiresAt), day(lastUsed)];
}

function asJson(record: KeyRecord): { [key: string]: Json } {
  return JSON.parse(JSON.stringify(record));
}

async function withKeys(
  session: Session,
  work: (keys: Keys, note: (what: string, subject: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { state } = await session.settings();
  const db = await openDatabase(state, serviceSchema);
  try {
    const audit = new Audit(state, db, silentLog);
    const who = `user:${userName()}`;
    await work(new Keys(db), (what, subject) => audit.note({ who, what, subject, outcome: 'ok' }));
  } finally {
    await db.close();
  }
}

function toExpiry(text: string): number {
  const days = /^(\d{1,4})d$/.exec(text)?.[1];
  const time = days === undefined ? Date.parse(text) : Date.now() + Number(days) * DAY_MS;
  if (Number.isNaN(time) || time <= Date.now()) {
    throw new InvalidArgumentError('It must be days such as 90d, or a date to come such as 2027-01-31.');
  }
  return time;
}
