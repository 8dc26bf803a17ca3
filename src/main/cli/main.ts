// Commands that the launcher does not serve itself: help, version, and every command line that is
// wrong, explained by yargs from the same tables (options.ts) that the launcher's options come from.

import yargs from "yargs";
import packageJson from "../../../package.json" with { type: "json" };
import type { Level } from "../../shared/abi/call.ts";
import { supportText } from "../../shared/abi/support.ts";
import { features } from "./features.ts";
import { type Command, commands, type Flag, globalFlags, nodeCommands } from "./options.ts";

/** Exit code for a command line that is wrong, as for everything that fails before a guest runs. */
const CODE_USAGE = 125;

function flag(definition: Flag) {
  const { name: _name, type, describe, alias, choices, default: fallback } = definition;
  return {
    describe,
    ...(type === "list" ? { type: "string" as const, array: true, nargs: 1 } : { type }),
    requiresArg: type !== "boolean",
    ...(alias && { alias }),
    ...(choices && { choices }),
    ...(fallback !== undefined && { default: fallback }),
  };
}

function describe(command: Command): string {
  return command.internal ? `${command.describe} (internal, for tests and debugging)` : command.describe;
}

function refuse(message: string): never {
  const line = message.trim().replace(/:?\s*\n\s*/g, ": ");
  process.stderr.write(`ringfence: ${line}; see ringfence --help\n`);
  process.exit(CODE_USAGE);
}

const parser = yargs(process.argv.slice(2))
  .scriptName("ringfence")
  .version(packageJson.version)
  .usage("$0 [FLAGS] COMMAND\n\nRuns programs in a sandbox with a kernel of its own.")
  .parserConfiguration({ "halt-at-non-option": false, "populate--": true })
  .demandCommand(1, "name a command")
  .strict()
  .wrap(100);
for (const definition of globalFlags) parser.option(definition.name, flag(definition));

/** The usage line as yargs wants it. */
function pattern({ name, positionals, takesCommand }: Command): string {
  const words = positionals.map((word) => (word.startsWith("[") ? word : `<${word}>`));
  return [name, ...words, ...(takesCommand === false ? [] : ["[command..]"])].join(" ");
}

/** What a command line said, as yargs gives it. */
type Words = Readonly<Record<string, unknown>>;

function add(command: Command, run: (words: Words) => void): void {
  parser.command(
    pattern(command),
    describe(command),
    (sub) => {
      for (const definition of command.flags) sub.option(definition.name, flag(definition));
      return sub.usage(`$0 ${command.name} [FLAGS] ${command.usage}\n\n${describe(command)}`);
    },
    run,
  );
}

function help({ topic, name, support }: Words): void {
  if (topic === undefined) parser.showHelp((text) => process.stdout.write(`${text}\n`));
  else if (topic !== "syscalls") refuse(`help knows nothing of ${topic}, but of syscalls`);
  else
    process.stdout.write(
      supportText({
        ...(name !== undefined && { match: String(name) }),
        ...(support !== undefined && { level: support as Level }),
      }),
    );
}

const runs: Readonly<Record<string, (words: Words) => void>> = {
  help,
  features: () => process.stdout.write(`${JSON.stringify(features(packageJson.version), null, 2)}\n`),
};
// The launcher takes every command line of its own commands that is right: this one is not.
for (const command of commands)
  add(command, () => refuse(`${command.name} ${command.usage}: something is missing`));
for (const command of nodeCommands) add(command, runs[command.name]!);
parser.fail((message, error) => refuse(message ?? error.message));
parser.parse();
