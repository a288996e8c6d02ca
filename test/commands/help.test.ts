import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Command } from 'commander';
import { makeProgram } from '../../src/commands/program.ts';

it('every command says what it does, and shows how it is called', async () => {
  const look = (command: Command, path: string): void => {
    let help = '';
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    assert.match(command.description(), /^[A-Z].*[.!?…]$/s, path);
    const examples = help.slice(help.indexOf('\nExamples:\n'));
    assert.ok(
      help.includes('\nExamples:\n') && examples.includes(`  ${path}`),
      `${path} has an example of itself`,
    );
    for (const inner of command.commands) look(inner, `${path} ${inner.name()}`);
  };
  look(await makeProgram('all'), 'sluice');
});
