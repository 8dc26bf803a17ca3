// Commands that the launcher does not serve itself: help, version, and every command line that is
// wrong, explained by yargs from the same tables (options.ts) that the launcher's options come from.

import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import yargs from "yargs";
import packageJson from "../../../package.json" with { type: "json" };
import type { Level } from "../../shared/abi/call.ts";
import { selectCalls, supportText } from "../../shared/abi/support.ts";
import { formatRecord } from "../../shared/log_format.ts";
import { CommandError } from "./command_error.ts";
import { type DebugWords, debug } from "./debug.ts";
import { type EventsWords, events } from "./events.ts";
import { features } from "./features.ts";
import { type InstallWords, install, uninstall } from "./install.ts";
import type { MetricServerWords, MetricsWords } from "./metrics.ts";
import { CODE_FAILED, type Command, commands, type Flag, globalFlags, nodeCommands } from "./options.ts";
import { say } from "./output.ts";
import type { ProfileWords } from "./profile.ts";
import { type SpecWords, writeSpec } from "./spec.ts";
import { type TraceWords, trace } from "./trace.ts";

function flag(definition: Flag) {
  const { name: _name, type, describe, alias, choices, check, default: fallback } = definition;
  return {
    describe,
    ...(type === "list" ? { type: "string" as const, array: true, nargs: 1 } : { type }),
    // Of a flag that is given twice the last holds, as in the launcher.
    ...(type !== "list" && {
      coerce(value: unknown) {
        const last: unknown = Array.isArray(value) ? value.at(-1) : value;
        const wrong = typeof last === "string" ? check?.(last) : null;
        if (wrong) throw new Error(wrong);
        return last;
      },
    }),
    requiresArg: type !== "boolean",
    ...(alias && { alias }),
    ...(choices && { choices }),
    ...(fallback !== undefined && { default: fallback }),
  };
}

function describe(command: Command): string {
  return command.internal ? `${command.describe} (internal, for tests and debugging)` : command.describe;
}

const everyCommand = [...commands, ...nodeCommands];
const everyFlag = [...globalFlags, ...everyCommand.flatMap(({ flags }) => flags)];
const switches = new Set(everyFlag.filter(({ type }) => type === "boolean").map(({ name }) => name));

/** `--no-x` says that x is false, but where a flag has that name: yargs knows one of the two alone. */
function spelledOut(word: string): string {
  const name = word.startsWith("--no-") ? word.slice("--no-".length) : "";
  return switches.has(name) && !switches.has(`no-${name}`) ? `--${name}=false` : word;
}

const given = process.argv.slice(2);
const guestsAt = given.indexOf("--");
const words = given.map((word, i) => (guestsAt >= 0 && i > guestsAt ? word : spelledOut(word)));

/** The value of a flag of this command line, which may be wrong as a whole. */
function flagValue(name: string): string | undefined {
  const at = words.findLastIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`));
  return at < 0 ? undefined : words[at]!.includes("=") ? words[at]!.replace(/^.*?=/, "") : words[at + 1];
}

/** Engines look for the reason of a failure in the log: without one they show another command's. */
function logError(msg: string): void {
  const file = flagValue("log");
  if (file === undefined) return;
  const format = flagValue("log-format") === "json" ? "json" : "text";
  try {
    appendFileSync(file, formatRecord(format, { level: "error", time: Date.now(), msg, fields: {} }));
  } catch {
    // Standard error says it too.
  }
}

/** A message may have words of a file or a sandbox in it, which are not to act on a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** One line on standard error; `hint`: what more a user may want to read. */
function fail(message: string, hint = ""): never {
  const line = printable(message.trim().replace(/:?\s*\n\s*/g, ": "));
  logError(line);
  process.stderr.write(`ringfence: ${line}${hint}\n`);
  process.exit(named?.failureCode ?? CODE_FAILED);
}

function refuse(message: string): never {
  return fail(message, "; see ringfence --help");
}

const withoutValue = new Set(everyFlag.filter(({ type }) => type === "boolean").map(({ name }) => name));
/** A name that is one command's flag with a value and another's without (--strace) has none in front of the command. */
const withValue = new Set(
  everyFlag
    .filter(({ name }) => !withoutValue.has(name))
    .flatMap(({ name, alias }) => [`--${name}`, ...(alias ? [`-${alias}`] : [])]),
);

/** The words of the command line that are neither flags nor their values. */
const plainWords = words.filter((word, i) => !word.startsWith("-") && !withValue.has(words[i - 1] ?? ""));
const named = everyCommand.find(({ name }) => name === plainWords[0]);
/** The command that help is asked about. */
const about = named?.name === "help" ? everyCommand.find(({ name }) => name === plainWords[1]) : undefined;

/** The words that are ours: in front of `--`, or of the command that a guest is to run. */
function ownWords(): string[] {
  const end = guestsAt < 0 ? words.length : guestsAt;
  const mayFollow = named !== undefined && named.takesCommand !== false && !nodeCommands.includes(named);
  const first = mayFollow ? plainWords[1 + named.positionals.length] : undefined;
  return words.slice(0, first === undefined ? end : Math.min(end, words.indexOf(first)));
}

/** yargs takes whatever is not true for false. */
function checkSwitches(): void {
  const valued = new Set(everyFlag.filter(({ type }) => type !== "boolean").map(({ name }) => name));
  for (const word of ownWords()) {
    const [, name = "", value = ""] = /^--([\w-]+)=(.*)$/s.exec(word) ?? [];
    if (switches.has(name) && !valued.has(name) && value !== "true" && value !== "false")
      refuse(`--${name} is true or false: ${value}`);
  }
}

/** What yargs counts, by name: the first argument that a command has not been given. */
function missing(given: number): string | undefined {
  const needed = named?.positionals.filter((word) => !word.startsWith("[")) ?? [];
  const word = needed[given] ?? (named?.takesCommand === true ? "CMD" : undefined);
  return word && `${named!.name}: ${word.toUpperCase()} is missing (${named!.name} ${named!.usage})`;
}

function explain(message: string): string {
  const counted = /^Not enough non-option arguments: got (\d+)/.exec(message);
  return (counted && missing(Number(counted[1]))) ?? message.replace(/^U/, "u");
}

const parser = yargs()
  .scriptName("ringfence")
  .version(packageJson.version)
  .usage("$0 [FLAGS] COMMAND\n\nRuns programs in a sandbox with a kernel of its own.")
  .parserConfiguration({
    "halt-at-non-option": false,
    "populate--": true,
    "boolean-negation": false,
    "parse-positional-numbers": false,
  })
  .demandCommand(1, "name a command")
  .strict()
  .wrap(100);
// A command may have a flag of its own by the name of a global one.
for (const definition of globalFlags)
  if (!(about ?? named)?.flags.some(({ name }) => name === definition.name))
    parser.option(definition.name, flag(definition));

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
  if (topic === undefined) parser.showHelp((text) => say(`${text}\n`));
  else if (topic === "syscalls") helpSyscalls(name, support);
  else refuse(`help: neither a command nor syscalls: ${topic}`);
}

function helpSyscalls(name: unknown, support: unknown): void {
  const filter = {
    ...(name !== undefined && { match: String(name) }),
    ...(support !== undefined && { level: support as Level }),
  };
  if (selectCalls(filter).length === 0) refuse(`help: no system call is like that: ${name ?? support}`);
  say(supportText(filter));
}

/** The bench runs from the checkout's sources, and is loaded by nobody else. An installation has no stamp of a set-up. */
async function bench(words: Words): Promise<number> {
  if (!existsSync(join(import.meta.dirname, "../stamp")))
    refuse("bench: it runs in a checkout alone, whose programs it builds");
  const main = pathToFileURL(join(import.meta.dirname, "../../bench/main.ts")).href;
  const loaded = (await import(main)) as { bench(words: Words): Promise<number> };
  try {
    return await loaded.bench(words);
  } catch (error) {
    const { name, errno, message } = error as NodeJS.ErrnoException;
    // Of its errors, and of the host's: a directory that is full, or not there.
    if (name === "BenchError" || errno !== undefined) refuse(`bench: ${message}`);
    throw error;
  }
}

/** What a command throws that users are told in a line; whatever else it throws is a defect, and shows where. */
function reasonOf(error: NodeJS.ErrnoException): string | undefined {
  // The bench has classes of its own by these names.
  if (error.name === "OutputError")
    return named === undefined ? error.message : `${named.name}: ${error.message}`;
  if (error instanceof CommandError) return error.message;
  return undefined;
}

/** Ends with the reason on one line where a command throws. */
function settle(body: () => void | Promise<void>): void {
  Promise.resolve()
    .then(body)
    .catch((error: Error) => {
      const reason = reasonOf(error);
      if (reason === undefined) throw error;
      fail(reason);
    });
}

const runs: Readonly<Record<string, (words: Words) => void>> = {
  help: (words) => settle(() => help(words)),
  bench: (words) =>
    settle(async () => {
      process.exitCode = await bench(words);
    }),
  debug: (words) => settle(() => debug(words as unknown as DebugWords)),
  events: (words) => settle(() => events(words as unknown as EventsWords)),
  metrics: (words) =>
    settle(async () => (await import("./metrics.ts")).metrics(words as unknown as MetricsWords)),
  profile: (words) =>
    settle(async () => {
      const globals = globalFlags.flatMap(({ name, default: usual }) => {
        const value = words[name];
        if (value === undefined || value === usual || name === "root") return [];
        return (Array.isArray(value) ? value : [value]).map((one) => `--${name}=${one}`);
      });
      const { profile } = await import("./profile.ts");
      process.exitCode = await profile(words as unknown as ProfileWords, globals, packageJson.version);
    }),
  "metric-server": (words) =>
    settle(async () => (await import("./metrics.ts")).metricServer(words as unknown as MetricServerWords)),
  trace: (words) => settle(() => trace(words as unknown as TraceWords)),
  spec: (words) => settle(() => writeSpec(words as unknown as SpecWords)),
  install: (words) => settle(() => install(words as unknown as InstallWords)),
  uninstall: (words) => settle(() => uninstall(words as unknown as InstallWords)),
  checkpoint: () => fail("checkpoint: containers cannot be saved yet"),
  restore: () => fail("restore: containers cannot be saved yet, so there is nothing to restore"),
  features: () => settle(() => say(`${JSON.stringify(features(packageJson.version), null, 2)}\n`)),
};
// The launcher takes every command line of its own commands that is right: this one is not, or Node is to go on with it.
for (const command of commands)
  add(
    command,
    runs[command.name] ??
      (() =>
        refuse(
          missing(command.positionals.length) ?? `${command.name}: too many arguments (${command.usage})`,
        )),
  );
for (const command of nodeCommands) add(command, runs[command.name]!);
parser.fail((message, error) => refuse(explain(message ?? error.message)));
if (plainWords.length > 0 && named === undefined) refuse(`unknown command: ${plainWords[0]}`);
checkSwitches();
// Help and version, which yargs would print by itself whether or not there is room for them.
parser.parse(about === undefined ? words : [about.name, "--help"], {}, (_error, _words, text) => {
  if (text !== "") settle(() => say(`${text}\n`));
});
