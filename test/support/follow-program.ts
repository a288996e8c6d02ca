import { createApp } from '../../src/app.ts';
import { makeOutput } from '../../src/commands/output.ts';
import { exitCodeOfJob, followJob } from '../../src/commands/progress.ts';
import { stopSignal } from '../../src/commands/signals.ts';
import { loadSettings } from '../../src/config/load.ts';
import { countingKind } from './counting-kind.ts';

// Submits a counting job and follows it as a command does.
const [id, spec, progress] = process.argv.slice(2) as [string, string, string];
const signal = stopSignal();
const output = makeOutput({ progress, json: progress === 'json' });
const app = await createApp(loadSettings().settings, { kinds: { counting: async () => countingKind } });
await (await app.engine()).submit('counting', JSON.parse(spec), { id });
const job = await followJob(app, id, output, signal);
process.exitCode = exitCodeOfJob(job, signal);
await app.close();
