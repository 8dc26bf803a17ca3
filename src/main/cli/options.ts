// The command line as data: global flags, commands and their flags, with the names and meanings of
// runsc and runc where those have them. yargs is configured from these tables (main.ts), and
// scripts/option_header.ts prints them as C for the launcher, which serves the quick commands itself.

import { threadPlan } from "../../shared/thread_plan.ts";

export interface Flag {
  /** Name after `--`. */
  name: string;
  /** boolean: --x, --x=true, --x=false, --no-x; list: may be given several times. */
  type: "boolean" | "string" | "list";
  describe: string;
  alias?: string;
  choices?: string[];
  /** What is wrong with a value, which is no choice of few; null: nothing. */
  check?: (value: string) => string | null;
  default?: string | boolean;
}

export interface Command {
  name: string;
  /** What follows the name in the usage line. */
  usage: string;
  describe: string;
  /** Names of positional arguments before the guest's own command line; one in brackets may be left out. */
  positionals: string[];
  flags: Flag[];
  /**
   * Whether everything after the positionals belongs to the guest; optional: it may be missing; rest: so is it, and
   * no flag is looked for behind the positionals.
   */
  takesCommand: boolean | "optional" | "rest";
  /** For tests and debugging: the help says so. */
  internal?: boolean;
  /** Exit code of its failures: as runc's where runc has such a command. CODE_FAILED if absent. */
  failureCode?: number;
}

/** Exit code for a command line that is wrong, and for what fails before a guest runs. */
export const CODE_FAILED = 125;

/** runc's, of all its commands but one. */
const RUNC_FAILED = 1;
/** The one: callers tell it from their command's own code. */
const RUNC_EXEC_FAILED = 255;

function workersFault(value: string): string | null {
  const plan = threadPlan(value);
  return typeof plan === "string" ? `--workers: ${plan}` : null;
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
  {
    name: "debug-log",
    type: "string",
    describe: "file that gets the output of --strace (default: standard error)",
  },
  {
    name: "log-format",
    type: "string",
    describe: "form of log records",
    choices: ["text", "json"],
    default: "text",
  },
  {
    name: "log-alone",
    type: "boolean",
    describe: "failures and warnings go to --log alone: standard error is the container's",
    default: false,
  },
  {
    name: "parent",
    type: "string",
    describe: "process id of the caller, with which the command ends",
  },
  {
    name: "rootless",
    type: "string",
    describe:
      "whether control groups that may not be made are left out; auto: where the caller is not root of the host, as runc has it",
    choices: ["true", "false", "auto"],
    default: "auto",
  },
  { name: "criu", type: "string", describe: "accepted, without a meaning here" },
  {
    name: "systemd-cgroup",
    type: "boolean",
    describe: "a container's control group is a unit of systemd's; cgroupsPath is SLICE:PREFIX:NAME",
    default: false,
  },
  { name: "debug", type: "boolean", describe: "log debug records", default: false },
  {
    name: "strace",
    type: "boolean",
    describe: "print every system call of the guest, its signals and how processes end",
    default: false,
  },
  {
    name: "trace",
    type: "list",
    describe: "file of a trace session that the sandbox begins with (docs/traces.md)",
  },
  {
    name: "trace-annotations",
    type: "string",
    describe:
      "directory of trace sessions, NAME.json, of which a container may choose one by its annotation dev.ringfence.trace; without it that has no effect",
  },
  {
    name: "strict",
    type: "boolean",
    describe:
      "refuse a container whose config.json asks for what has no effect, instead of telling it in the log",
    default: false,
  },
  {
    name: "platform",
    type: "string",
    describe: "how system calls are caught: by a signal, or by a tracer (slower)",
    choices: ["systrap", "ptrace"],
    default: "systrap",
  },
  {
    name: "workers",
    type: "string",
    describe:
      "threads that the kernel gets: solo: Node's main thread alone; a number: so many in all, the first for tasks and names, the second for the network, others for data, of at most 7; a table of those beside the first: net, data=N, or both (net,data=2); auto: solo",
    check: workersFault,
    default: "auto",
  },
  {
    name: "patch",
    type: "string",
    describe:
      "whether call sites that trap often are patched, so that they trap no more; eager: at once, for tests, as data threads are then rung for each call that they could serve",
    choices: ["on", "off", "eager"],
    default: "on",
  },
  {
    name: "patch-exclude",
    type: "list",
    describe: "path, as the guest sees it, of a program or library that is never patched",
  },
  {
    name: "network",
    type: "string",
    describe:
      "sandbox: the links of a container's network namespace, by a TCP/IP stack of the sandbox's own; host: sockets of the host, in the network namespace of the container or of the caller; none: loopback alone, as without a container",
    choices: ["sandbox", "host", "none"],
    default: "sandbox",
  },
  {
    name: "overlay2",
    type: "string",
    describe:
      "where writes to the root file system go: a layer in memory (default of do), or none: the files themselves (default of containers)",
    choices: ["root:memory", "none"],
  },
];

const bundle: Flag = {
  name: "bundle",
  alias: "b",
  type: "string",
  describe: "directory of config.json (default: the working directory)",
};
const pidFile: Flag = {
  name: "pid-file",
  type: "string",
  describe: "file that gets the pid of the process that stands for the container",
};
const consoleSocket: Flag = {
  name: "console-socket",
  type: "string",
  describe: "socket that gets the master of the container's terminal",
};
const detach: Flag = {
  name: "detach",
  alias: "d",
  type: "boolean",
  describe: "do not wait for the process",
  default: false,
};
const preserveFds: Flag = {
  name: "preserve-fds",
  type: "string",
  describe: "number of the caller's descriptors, from 3 on, that the process gets by the same numbers",
  default: "0",
};
const pidfdSocket: Flag = {
  name: "pidfd-socket",
  type: "string",
  describe: "socket that gets a pidfd of the process that stands for the container's",
};
/** What runc does with the host's root directory, its keyring and its own children has no meaning for a sandbox. */
const noPivot = meaningless("no-pivot");
const noNewKeyring = meaningless("no-new-keyring");
const noSubreaper = meaningless("no-subreaper");

function meaningless(name: string, alias?: string): Flag {
  const describe = "accepted, without a meaning here";
  return { name, type: "boolean", describe, default: false, ...(alias && { alias }) };
}

const format: Flag = {
  name: "format",
  alias: "f",
  type: "string",
  describe: "table: for people; json: for programs",
  choices: ["table", "json"],
  default: "table",
};

const extraRoot: Flag = {
  name: "extra-root",
  type: "list",
  describe: "another directory of sandbox state, beside --root; with /* at its end, every directory below it",
};
const exporterPrefix: Flag = {
  name: "exporter-prefix",
  type: "string",
  describe: "what names of metrics begin with",
  default: "ringfence_",
};

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
    name: "create",
    usage: "ID",
    describe: "create a container: everything but the start of its process",
    positionals: ["id"],
    flags: [bundle, pidFile, consoleSocket, preserveFds, pidfdSocket, noPivot, noNewKeyring],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "run",
    usage: "ID",
    describe: "create and start a container, and wait for its end",
    positionals: ["id"],
    flags: [
      bundle,
      pidFile,
      consoleSocket,
      preserveFds,
      pidfdSocket,
      detach,
      { name: "keep", type: "boolean", describe: "leave the container when it has stopped", default: false },
      noPivot,
      noNewKeyring,
      noSubreaper,
    ],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "start",
    usage: "ID",
    describe: "start the process of a created container",
    positionals: ["id"],
    flags: [],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "state",
    usage: "ID",
    describe: "print the state of a container as JSON",
    positionals: ["id"],
    flags: [],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "kill",
    usage: "ID [SIGNAL]",
    describe: "send a signal (default: TERM) to a container's first process",
    positionals: ["id", "[signal]"],
    flags: [
      { name: "all", alias: "a", type: "boolean", describe: "send it to every process", default: false },
    ],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "delete",
    usage: "ID",
    describe: "remove a container that has stopped",
    positionals: ["id"],
    flags: [
      {
        name: "force",
        alias: "f",
        type: "boolean",
        describe: "kill it first if it runs; succeed if there is none",
        default: false,
      },
    ],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "exec",
    usage: "ID [--] [CMD [ARGS...]]",
    describe: "run a further command in a running sandbox or container",
    positionals: ["id"],
    flags: [
      { name: "cwd", type: "string", describe: "working directory of the command" },
      { name: "env", alias: "e", type: "list", describe: "NAME=VALUE to add to the environment" },
      { name: "user", alias: "u", type: "string", describe: "UID or UID:GID, in numbers" },
      { name: "tty", alias: "t", type: "boolean", describe: "give the command a terminal", default: false },
      {
        name: "process",
        alias: "p",
        type: "string",
        describe: "file with the OCI process object to run, instead of a command",
      },
      {
        name: "ignore-paused",
        type: "boolean",
        describe: "in a paused container as well, where the command waits until that is resumed",
        default: false,
      },
      detach,
      pidFile,
      consoleSocket,
      preserveFds,
      pidfdSocket,
      { name: "additional-gids", alias: "g", type: "list", describe: "further group of the command" },
      {
        name: "cgroup",
        type: "list",
        describe: "control group below the container's, by [CONTROLLER,...:]PATH",
      },
      { name: "cap", alias: "c", type: "list", describe: "capability that the command has as well" },
      {
        name: "no-new-privs",
        type: "boolean",
        describe: "the command gains no privileges by exec",
        default: false,
      },
      { name: "apparmor", type: "string", describe: "profile; accepted without effect, as the log tells" },
      { name: "process-label", type: "string", describe: "SELinux label; accepted without effect as well" },
      noNewKeyring,
    ],
    takesCommand: "optional",
    failureCode: RUNC_EXEC_FAILED,
  },
  {
    name: "pause",
    usage: "ID",
    describe: "stop all processes of a container, until it is resumed",
    positionals: ["id"],
    flags: [],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "resume",
    usage: "ID",
    describe: "let a paused container go on",
    positionals: ["id"],
    flags: [],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "update",
    usage: "ID",
    describe: "change what a container may use",
    positionals: ["id"],
    flags: [
      {
        name: "resources",
        alias: "r",
        type: "string",
        describe: "file with an OCI resources object, or - for standard input; other flags do not count then",
      },
      { name: "blkio-weight", type: "string", describe: "share of block I/O, 10 to 1000" },
      { name: "cpu-period", type: "string", describe: "period of --cpu-quota, in microseconds" },
      { name: "cpu-quota", type: "string", describe: "CPU time in a period, in microseconds; -1: no limit" },
      {
        name: "cpu-burst",
        type: "string",
        describe: "what a period may have of those before, in microseconds",
      },
      { name: "cpu-share", type: "string", describe: "share of CPU time among others" },
      { name: "cpu-idle", type: "string", describe: "1: only CPU time that nobody else wants" },
      { name: "cpuset-cpus", type: "string", describe: "CPUs, as 0-2,5" },
      { name: "cpuset-mems", type: "string", describe: "memory nodes, as 0-2" },
      { name: "memory", type: "string", describe: "limit of memory: bytes, or with k, m, g; -1: none" },
      { name: "memory-reservation", type: "string", describe: "memory that is left to it the longest" },
      { name: "memory-swap", type: "string", describe: "limit of memory and swap together; -1: none" },
      { name: "pids-limit", type: "string", describe: "limit of processes and threads; -1: none" },
    ],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "ps",
    usage: "ID [PS-OPTIONS...]",
    describe: "list the host's processes that stand for those of a container",
    positionals: ["id"],
    flags: [format],
    takesCommand: "rest",
    failureCode: RUNC_FAILED,
  },
  {
    name: "list",
    usage: "",
    describe: "list the containers of the state directory",
    positionals: [],
    flags: [
      format,
      { name: "quiet", alias: "q", type: "boolean", describe: "only their ids", default: false },
    ],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "wait",
    usage: "ID",
    describe: "wait until a container has stopped, and print how, as JSON",
    positionals: ["id"],
    flags: [],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "metric-server",
    usage: "",
    describe: "serve the metrics of all containers, while they come and go, at /metrics",
    positionals: [],
    flags: [
      { name: "address", type: "string", describe: "where to listen: HOST:PORT, :PORT or unix:PATH" },
      extraRoot,
      exporterPrefix,
    ],
    takesCommand: false,
  },
  {
    name: "debug",
    usage: "[ID]",
    describe: "print what a sandbox does: its kernel threads, or what the flags ask for",
    positionals: ["[id]"],
    flags: [
      {
        name: "threads",
        type: "boolean",
        describe: "its kernel threads, as without any flag",
        default: false,
      },
      {
        name: "stacks",
        type: "boolean",
        describe: "guest threads: what each does, what its call waits for, where its code stands",
        default: false,
      },
      { name: "counters", type: "boolean", describe: "the kernel's counters", default: false },
      {
        name: "heap",
        type: "boolean",
        describe: "heaps of its kernel threads, and how many there are of what lies there",
        default: false,
      },
      { name: "all", type: "boolean", describe: "all of these", default: false },
      {
        name: "strace",
        type: "string",
        describe: "print all calls of guests to --debug-log, or the log, from now on, or no more",
        choices: ["on", "off"],
      },
      {
        name: "kernel-stacks",
        type: "string",
        describe:
          "keep from now on where in the kernel calls begin to wait, which --stacks then tells; or forget it",
        choices: ["on", "off"],
      },
      {
        name: "log-level",
        type: "string",
        describe: "log records of this level and above from now on",
        choices: ["debug", "info", "warn", "error"],
      },
      {
        name: "pid",
        type: "string",
        describe: "a process of the sandbox, as the host numbers it, in place of ID; of `do` its own will do",
      },
      { name: "json", type: "boolean", describe: "print it as JSON", default: false },
      {
        name: "connection",
        type: "string",
        describe: "descriptor of a connection to the sandbox, which the command gives itself",
      },
    ],
    takesCommand: false,
  },
  {
    name: "trace",
    usage: "create|delete|list|metadata [ID]",
    describe:
      "make, end or list the trace sessions of a running sandbox, or print what can be traced (docs/traces.md)",
    positionals: ["action", "[id]"],
    flags: [
      { name: "config", type: "string", describe: "of create: file of the session" },
      { name: "name", type: "string", describe: "of delete: name of the session" },
      { name: "json", type: "boolean", describe: "of list and metadata: as JSON", default: false },
    ],
    takesCommand: false,
  },
  {
    name: "hold",
    usage: "ID",
    describe: "start a sandbox without a command and keep it until standard input ends",
    positionals: ["id"],
    flags: [
      {
        name: "host-faults",
        type: "boolean",
        describe: "let tests have calls to the host fail",
        default: false,
      },
      {
        name: "kernels",
        type: "string",
        describe: "so many sandboxes in one process: ID, ID.1 and so on",
        default: "1",
      },
    ],
    takesCommand: false,
    internal: true,
  },
];

// Flags of commands that are refused: engines are to hear that, not that they use a flag nobody knows.
const REFUSED = "accepted by the command line";
const refusedSwitch = (name: string): Flag => ({ name, type: "boolean", describe: REFUSED, default: false });
const refusedValue = (name: string): Flag => ({ name, type: "string", describe: REFUSED });
const refusedList = (name: string): Flag => ({ name, type: "list", describe: REFUSED });
const criuFlags: Flag[] = [
  ...["image-path", "work-path", "manage-cgroups-mode"].map(refusedValue),
  ...["tcp-established", "ext-unix-sk", "shell-job", "file-locks", "lazy-pages", "auto-dedup"].map(
    refusedSwitch,
  ),
  refusedList("empty-ns"),
];
const checkpointFlags: Flag[] = [
  ...criuFlags,
  ...["parent-path", "status-fd", "page-server"].map(refusedValue),
  ...["leave-running", "pre-dump", "tcp-skip-in-flight", "link-remap"].map(refusedSwitch),
];
const restoreFlags: Flag[] = [
  ...criuFlags,
  ...["lsm-profile", "lsm-mount-context"].map(refusedValue),
  bundle,
  pidFile,
  consoleSocket,
  detach,
  noSubreaper,
  noPivot,
];

const engine: Flag = {
  name: "engine",
  type: "string",
  describe: "whose configuration",
  choices: ["docker", "podman", "containerd", "cri-o"],
  default: "docker",
};
const runtimeName: Flag = {
  name: "runtime",
  type: "string",
  describe: "name by which the engine's users ask for it",
  default: "ringfence",
};
const configFile: Flag = {
  name: "config-file",
  alias: "config_file",
  type: "string",
  describe: "the engine's file, where that is not at its usual place",
};

/** Commands that Node serves by itself (main.ts). */
export const nodeCommands: Command[] = [
  {
    name: "help",
    usage: "[COMMAND | syscalls [NAME]]",
    describe: "explain the command line or a command, or print which system calls a guest may make",
    positionals: ["[topic]", "[name]"],
    flags: [
      {
        name: "support",
        type: "string",
        describe: "system calls supported to that degree alone",
        choices: ["full", "partial", "none"],
      },
    ],
    takesCommand: false,
  },
  {
    name: "features",
    usage: "",
    describe: "print what the runtime can do, as JSON for container engines",
    positionals: [],
    flags: [],
    takesCommand: false,
  },
  {
    name: "events",
    usage: "ID",
    describe: "print how much a container uses, and that it ran out of memory, as lines of JSON",
    positionals: ["id"],
    flags: [
      { name: "stats", type: "boolean", describe: "only print once what it uses", default: false },
      {
        name: "interval",
        type: "string",
        describe: "time between two lines, in seconds or as in 1m30s or 500ms",
        default: "5s",
      },
    ],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "profile",
    usage: "[ID] [-- CMD [ARGS...]]",
    describe:
      "record what a sandbox's kernel does for a command, or for what runs in a container until --seconds or Ctrl-C",
    positionals: ["[id]"],
    flags: [
      {
        name: "pid",
        type: "string",
        describe: "a process of the sandbox, as the host numbers it, in place of ID",
      },
      { name: "seconds", type: "string", describe: "how long to record" },
      {
        name: "json",
        type: "string",
        describe: "file that gets all of it; -: standard output, without the tables",
      },
      { name: "html", type: "string", describe: "file that gets a page of it, which needs nothing else" },
      { name: "speedscope", type: "string", describe: "file that gets stacks for speedscope.app" },
      { name: "pprof", type: "string", describe: "file that gets stacks for pprof" },
      {
        name: "cpu",
        type: "boolean",
        describe: "sample the code of the kernel threads as well",
        default: true,
      },
      {
        name: "stacks",
        type: "string",
        describe: "stacks of guests that are taken in a second by each kernel thread, at most; 0: none",
        default: "100",
      },
    ],
    takesCommand: "optional",
  },
  {
    name: "metrics",
    usage: "[ID...]",
    describe: "print what Prometheus reads of containers and their sandboxes, once",
    positionals: ["[id..]"],
    flags: [
      {
        name: "format",
        type: "string",
        describe: "form of the metrics",
        choices: ["prometheus", "openmetrics"],
        default: "prometheus",
      },
      extraRoot,
      exporterPrefix,
    ],
    takesCommand: false,
  },
  {
    name: "spec",
    usage: "",
    describe: "write a config.json to begin with, as runc does",
    positionals: [],
    flags: [
      bundle,
      { name: "rootless", type: "boolean", describe: "for callers without privilege", default: false },
    ],
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "install",
    usage: "[-- FLAGS...]",
    describe: "tell an engine of this runtime, with global flags that each of its calls is to have",
    positionals: [],
    flags: [
      engine,
      runtimeName,
      configFile,
      { name: "clobber", type: "boolean", describe: "replace another runtime of that name", default: false },
    ],
    takesCommand: "optional",
  },
  {
    name: "uninstall",
    usage: "",
    describe: "take this runtime out of an engine's configuration",
    positionals: [],
    flags: [engine, runtimeName, configFile],
    takesCommand: false,
  },
  {
    name: "checkpoint",
    usage: "ID",
    describe: "refused: containers cannot be saved yet",
    positionals: ["id"],
    flags: checkpointFlags,
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "restore",
    usage: "ID",
    describe: "refused: containers cannot be saved yet",
    positionals: ["id"],
    flags: restoreFlags,
    takesCommand: false,
    failureCode: RUNC_FAILED,
  },
  {
    name: "bench",
    usage: "[SUITE | ROW...]",
    describe:
      "time the same programs natively, here and in other runtimes, in turn (suites: syscall file process memory net, which run by default, startup docker idle apps network density; or all)",
    positionals: ["[suite..]"],
    flags: [
      {
        name: "against",
        type: "string",
        describe:
          "what to compare with: native, runsc, runc, crun; flags of a runtime as in runsc:platform=ptrace",
        default: "native,runsc",
      },
      {
        name: "platform",
        type: "string",
        describe:
          "how system calls are caught here; several in turn, with flags, as in systrap,systrap:debug=true",
        default: "systrap",
      },
      {
        name: "workers",
        type: "string",
        describe: "kernel threads here, of each platform; several in turn, as in solo,1,2",
      },
      {
        name: "patch",
        type: "string",
        describe: "whether call sites are patched here; several in turn, as in on,off",
      },
      {
        name: "runs",
        type: "string",
        describe: "times that everything is measured; without it 6, and once what takes a minute",
      },
      {
        name: "json",
        type: "string",
        describe: "file that gets all samples; -: standard output, without the table",
      },
      { name: "html", type: "string", describe: "file that gets a page with tables and charts" },
      {
        name: "compare",
        type: "string",
        describe: "JSON of an earlier run: tell which rows have got slower or faster, beyond chance",
      },
      {
        name: "threshold",
        type: "string",
        describe:
          "with --compare: exit with 1 if a row here is slower by more than so many percent, beyond chance",
      },
      {
        name: "from",
        type: "string",
        describe: "measure nothing: take the results from this file of --json",
      },
      {
        name: "quick",
        type: "boolean",
        describe: "only see that everything runs: the figures mean nothing",
        default: false,
      },
      {
        name: "list",
        type: "boolean",
        describe: "only print the names of suites and rows, and the goals",
        default: false,
      },
      {
        name: "libc",
        type: "string",
        describe: "what the timed programs are linked with",
        choices: ["gnu", "musl"],
        default: "gnu",
      },
    ],
    takesCommand: false,
  },
];
