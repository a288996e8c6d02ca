import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from './cli.ts';

test('bash completes commands, their subcommands and options', async () => {
  const home = await mkdtemp(join(tmpdir(), 'sluice-completion-'));
  try {
    await writeFile(join(home, 'sluice.bash'), (await cli(['completion', 'bash'], home)).stdout);
    const complete = (...words: string[]): string[] => {
      const script = `source sluice.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const output = execFileSync('bash', ['-c', script, 'bash', 'sluice', ...words], { cwd: home });
      return output.toString().trim().split('\n');
    };
    assert.deepEqual(complete('jo'), ['jobs']);
    assert.deepEqual(complete('jobs', 'res'), ['resume']);
    assert.deepEqual(complete('--json', 'jobs', 'list', '--sta'), ['--status', '--state']);
    assert.match((await cli(['completion', 'fish'], home)).stdout, /-a resume -d 'Go on with a job/);
    assert.match((await cli(['completion', 'zsh'], home)).stdout, /^#compdef sluice/);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
