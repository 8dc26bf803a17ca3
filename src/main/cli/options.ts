// The command line as data: global flags, commands and their flags, with the names and meanings of
// runsc and runc where those have them. yargs is configured from these tables (main.ts), and
// scripts/option_header.ts prints them as C for the launcher, which serves the quick commands itself.

export interface Flag {
  /** Name after `--`. */
  name: string;
  /** boolean: --x, --x=true, --x=false, --no-x; list: may be given several times. */
  type: "boolean" | "string" | "list";
  describe: string;
  alias?: string;
  choices?: string[];
  default?: string | boolean;
}

export interface Command {
  name: string;
  /** What follows the name in the usage line. */
  usage: string;
  describe: string;
  /** Names of positional arguments before the guest's own command line. */
  positionals: string[];
  flags: Flag[];
  /** Everything after the positionals belongs to the guest. */
  takesCommand: boolean;
  /** For tests and debugging: the help says so. */
  internal?: boolean;
}

export const globalFlags: Flag[] = [
  {
    name: "root",
    type: "string",
    describe: "directory of sandbox state (default: /run/ringfence, or ringfence in $XDG_RUNTIME_DIR)",
  },
  {
    name: "log",
    type: "string",
    describe: "file that gets log records; without it only the end of the log is shown, when a sandbox dies",
  },
  { name: "debug-log", type: "string", describe: "file that gets debug records and the output of --strace" },
  { name: "debug", type: "boolean", describe: "log debug records", default: false },
  { name: "strace", type: "boolean", describe: "log every system call of the guest", default: false },
  {
    name: "platform",
    type: "string",
    describe: "how system calls are caught",
    choices: ["systrap"],
    default: "systrap",
  },
  {
    name: "overlay2",
    type: "string",
    describe: "where writes to the root file system go: a layer in memory, or none: the files themselves",
    choices: ["root:memory", "none"],
    default: "root:memory",
  },
];

export const commands: Command[] = [
  {
    name: "do",
    usage: "[--] CMD [ARGS...]",
    describe: "run one command with the host's file system read-only below it",
    positionals: [],
    flags: [],
    takesCommand: true,
  },
  {
    name: "exec",
    usage: "ID [--] CMD [ARGS...]",
    describe: "run a further command in a running sandbox",
    positionals: ["id"],
    flags: [
      { name: "cwd", type: "string", describe: "working directory of the command" },
      { name: "env", alias: "e", type: "list", describe: "NAME=VALUE to add to the environment" },
      { name: "user", alias: "u", type: "string", describe: "UID or UID:GID, in numbers" },
    ],
    takesCommand: true,
  },
  {
    name: "hold",
    usage: "ID",
    describe: "start a sandbox without a command and keep it until standard input ends",
    positionals: ["id"],
    flags: [],
    takesCommand: false,
    internal: true,
  },
];
