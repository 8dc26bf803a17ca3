// What the launcher tells a sandbox and what the main thread asks of a kernel: plain data that
// crosses a process or thread boundary. The launcher (native/launcher) writes the JSON forms.
//
// Byte strings: argv, environment, paths and host names are bytes on Linux. In JSON and in memory
// each is a string with one char per byte (U+0000-U+00FF).

/** A resource limit pair; decimal strings because RLIM_INFINITY does not fit a double. */
export interface Rlimit {
  /** Linux's name: RLIMIT_NOFILE, ... */
  type: string;
  soft: string;
  hard: string;
}

/** One program to start in the sandbox: the first of `do`, or the one of an `exec`. */
export interface ProcessSpec {
  args: string[];
  env: string[];
  cwd: string;
  uid: number;
  gid: number;
  groups: number[];
  umask: number;
  rlimits: Rlimit[];
  /** Signals blocked at start, bit n-1 for signal n, as 16 hex digits. */
  blocked: string;
  /** Signals ignored at start, same form. */
  ignored: string;
  /** Standard input is a terminal that the guest may use as its controlling terminal. */
  terminal: boolean;
}

/** The sealed configuration memfd that a sandbox reads at boot. */
export interface SandboxConfig {
  version: 1;
  mode: "do" | "hold";
  /** The first program; absent in `hold`, where programs come by control requests only. */
  process?: ProcessSpec;
  hostname: string;
  options: SandboxOptions;
}

/** Global flags that concern the sandbox (runsc's names). */
export interface SandboxOptions {
  platform: "systrap";
  debug: boolean;
  strace: boolean;
  /** Where writes to the root file system go: a layer in memory, or the files themselves. */
  overlay2: "root:memory" | "none";
}

/** Descriptors of the boot message, in the order of the names in its header. */
export type BootDescriptor =
  | "config" // sealed memfd: SandboxConfig as JSON
  | "proc" // detached mount of the sandbox's own proc
  | "zygote" // SOCK_SEQPACKET to the zygote
  | "launcher" // SOCK_STREAM to the launcher: JSON lines
  | "listen" // listening control socket, where the sandbox has a state directory
  | "root" // the root file system, read-only unless it is to be written to
  | "log" // where log records go
  | "debug-log"
  | "stdin"
  | "stdout"
  | "stderr";

export interface BootHeader {
  type: "boot";
  descriptors: BootDescriptor[];
}

/** The kernel as the main thread sees it (comlink, control plane only). */
export interface KernelApi {
  /**
   * Starts a program with three host descriptors as 0-2, which are the kernel's to close from now on,
   * whatever comes of it. Resolves to the program's guest pid, or a negative errno.
   */
  start(spec: ProcessSpec, stdio: [number, number, number]): Promise<number>;
  /** Resolves with the Linux wait status when that program's process has ended, or stopped (0x7f: call again). */
  wait(pid: number): Promise<number>;
  /** Sends a signal to a guest process (pid) or process group (-pid); 0 or a negative errno. */
  signal(pid: number, signo: number): Promise<number>;
  /** Whether a program that was given a terminal may read it: its caller is in the terminal's foreground. */
  foreground(pid: number, value: boolean): Promise<void>;
  /** Counters by name: processes, chunks, maps, descriptors, dropped notifications, ... */
  counters(): Promise<Record<string, number>>;
}
