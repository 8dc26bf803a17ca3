// Prints src/main/cli/options.ts as a completion for bash: commands, their flags and the values that flags have; what
// follows is files. Run by the Makefile.

import { commands, type Flag, globalFlags, nodeCommands } from "../src/main/cli/options.ts";

const named = [...commands, ...nodeCommands].filter(({ internal }) => !internal);
const words = (flags: readonly Flag[]) => flags.map(({ name }) => `--${name}`).join(" ");
const choices = new Map<string, Set<string>>();
for (const { name, choices: values } of [globalFlags, ...named.map(({ flags }) => flags)].flat())
  for (const value of values ?? []) choices.set(name, (choices.get(name) ?? new Set()).add(value));

process.stdout.write(`# Generated from src/main/cli/options.ts by scripts/completion.ts.
_ringfence() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command= flags i
  # bash takes = for a word of its own.
  [ "$word" = = ] && word=
  [ "$before" = = ] && before=\${COMP_WORDS[COMP_CWORD - 2]}
  case $before in
${[...choices].map(([name, values]) => `    --${name}) COMPREPLY=($(compgen -W "${[...values].join(" ")}" -- "$word")); return ;;`).join("\n")}
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${named.map(({ name }) => name).join("|")}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command in
    "") flags="${named.map(({ name }) => name).join(" ")} ${words(globalFlags)}" ;;
${named.map(({ name, flags }) => `    ${name}) flags="${words(flags)}" ;;`).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$flags" -- "$word"))
}
complete -o default -F _ringfence ringfence
`);
