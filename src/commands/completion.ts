import { Argument, type Command } from 'commander';
import { runs } from './session.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function define(command: Command, whole: () => Promise<Command>): void {
  command
    .addArgument(new Argument('<shell>', 'the shell to print it for').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  source <(sluice completion bash)                                  # in ~/.bashrc
  sluice completion zsh > "\${fpath[1]}/_sluice"
  sluice completion fish > ~/.config/fish/completions/sluice.fish`,
    )
    .action(
      runs(async (_session, [shell]) => {
        process.stdout.write(WRITERS[shell as Shell](placesOf(await whole())));
      }),
    );
}

/** A command, or the program itself, and what can follow it. */
interface Place {
  /** Names from the program down, such as `jobs list`; '' for the program. */
  path: string;
  words: { word: string; about: string }[];
}

function placesOf(program: Command): Place[] {
  const places: Place[] = [];
  const globals = optionsOf(program);
  const add = (command: Command, path: string): void => {
    const commands = command.commands.map((inner) => ({
      word: inner.name(),
      about: inner.summary() || inner.description(),
    }));
    const own = command === program ? [] : optionsOf(command).filter(({ word }) => word !== '--help');
    places.push({ path, words: [...commands, ...own, ...globals] });
    for (const inner of command.commands) add(inner, path === '' ? inner.name() : `${path} ${inner.name()}`);
  };
  add(program, '');
  return places;
}

function optionsOf(command: Command): Place['words'] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? [{ word: long, about: description }] : []));
}

/** Finds the place from the words before the cursor; sh, as bash and zsh share it. */
function placeFinder(places: readonly Place[], words: string): string {
  const known = places.filter(({ path }) => path !== '').map(({ path }) => `"${path}"`);
  return `  local place="" word
  for word in ${words}; do
    case "\${place:+$place }$word" in
      ${known.join('|')}) place="\${place:+$place }$word" ;;
    esac
  done`;
}

const WRITERS: Record<Shell, (places: readonly Place[]) => string> = {
  bash: (places) => `# bash completion for sluice
_sluice() {
${placeFinder(places, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  local words=""
  case "$place" in
${places.map(({ path, words }) => `    "${path}") words="${words.map(({ word }) => word).join(' ')}" ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _sluice sluice
`,

  zsh: (places) => `#compdef sluice
_sluice() {
${placeFinder(places, `"\${words[@]:1:$((CURRENT-2))}"`)}
  local -a found
  case "$place" in
${places
  .map(
    ({ path, words }) =>
      `    "${path}") found=(${words.map(({ word, about }) => quoted(`${word}:${about.replaceAll(':', '\\:')}`)).join(' ')}) ;;`,
  )
  .join('\n')}
  esac
  _describe 'sluice' found || _files
}
compdef _sluice sluice
`,

  fish: (places) => {
    const lines = places.flatMap(({ path, words }) => {
      const names = path === '' ? [] : path.split(' ');
      const inner = places
        .filter((place) => place.path.startsWith(`${path} `))
        .map(({ path: below }) => below.split(' ')[names.length]);
      const seen = names.map((name) => `__fish_seen_subcommand_from ${name}`);
      const none =
        names.length === 0
          ? ['__fish_use_subcommand']
          : inner.length > 0
            ? [`not __fish_seen_subcommand_from ${inner.join(' ')}`]
            : [];
      const condition = [...seen, ...none].join('; and ');
      return words.map(({ word, about }) =>
        word.startsWith('--')
          ? `complete -c sluice -n ${quoted(condition)} -l ${word.slice(2)} -d ${quoted(about)}`
          : `complete -c sluice -n ${quoted(condition)} -a ${word} -d ${quoted(about)}`,
      );
    });
    return `# fish completion for sluice\n${lines.join('\n')}\n`;
  },
};

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
