// The native entry points (native/host/*.c) as TypeScript sees them: their C declarations in one table, from
// which koffi makes the functions and tsc their types. Calls return a value >= 0 or a negative errno.
// Structures cross through the calling thread's scratch area; file data moves between a descriptor and a
// slot's window, named by (chunk, offset).

import { EIO } from "../shared/abi/errno.ts";
import { KERNEL_PAGE_CHUNK } from "../shared/ring/layout.ts";

/** Bytes of a kernel thread's scratch area: room for the largest structure or header that crosses. */
export const SCRATCH_SIZE = 65536;
/** In what native code calls a chunk, the number of the kernel stands above that of the place (host.h). */
export const KERNEL_SHIFT = 12;
/** Where the second of two names stands in the scratch area (native/host/changes.c). */
export const SECOND_NAME = 4096;

const DECLARATIONS = {
  confine: "int32_t rf_confine(int32_t init, int32_t parts)",
  setGuestMemory: "int32_t rf_set_guest_memory(uint32_t kernel, uint8_t *base)",
  forgetGuestMemory: "void rf_forget_guest_memory(uint32_t kernel)",
  setScratch: "void rf_set_scratch(uint8_t *base, uint32_t size)",
  mapChunk: "int32_t rf_map_chunk(uint32_t chunk)",
  unmapChunk: "int32_t rf_unmap_chunk(uint32_t chunk)",
  mapPageAt: "int32_t rf_map_kernel_page(uint32_t chunk, int32_t proc)",
  memfdCreate: "int32_t rf_memfd_create(double size)",
  memfdFile: "int32_t rf_memfd_file()",
  addSeals: "int32_t rf_add_seals(int32_t fd, uint32_t seals)",
  ftruncate: "int32_t rf_ftruncate(int32_t fd, double size)",
  fallocate: "int32_t rf_fallocate(int32_t fd, int32_t mode, double offset, double length)",
  copyBytes: "double rf_copy_bytes(int32_t from, double position, int32_t to, double length)",
  pwriteScratch: "int32_t rf_pwrite_scratch(int32_t fd, uint32_t length, double position)",
  futexWake: "int32_t rf_futex_wake(uint32_t chunk, uint32_t offset)",
  futexWakeTwo:
    "int32_t rf_futex_wake_two(uint32_t chunk, uint32_t offset, uint32_t second_chunk, uint32_t second_offset)",
  epollCreate: "int32_t rf_epoll_create()",
  epollCtl: "int32_t rf_epoll_ctl(int32_t epoll, int32_t op, int32_t fd, uint32_t events, uint32_t cookie)",
  epollAddBell: "int32_t rf_epoll_add_bell(int32_t epoll, int32_t bell)",
  epollWait: "int32_t rf_epoll_wait(int32_t epoll, int32_t max, double timeoutNs)",
  doorbellCreate: "int32_t rf_doorbell_create()",
  doorbellRing: "int32_t rf_doorbell_ring(int32_t fd)",
  monotonicNs: "double rf_monotonic_ns()",
  waits: "double rf_waits()",
  clockGettime: "int32_t rf_clock_gettime(int32_t clock)",
  clockGetres: "int32_t rf_clock_getres(int32_t clock)",
  pidfdOpen: "int32_t rf_pidfd_open(int32_t pid)",
  pidfdSendSignal: "int32_t rf_pidfd_send_signal(int32_t pidfd, int32_t signo)",
  tgkill: "int32_t rf_tgkill(int32_t tgid, int32_t tid, int32_t signo)",
  getauxval: "double rf_getauxval(uint32_t type)",
  hostVdsoOffset: "double rf_host_vdso_offset(const char *name)",
  getcpu: "int32_t rf_getcpu()",
  gettid: "int32_t rf_gettid()",
  runnable: "int32_t rf_runnable(int32_t loadavg)",
  helpersNs: "double rf_helpers_ns(int32_t proc)",
  cpusOf: "int32_t rf_cpus_of(int32_t tid)",
  place: "int32_t rf_place(int32_t count, int32_t cpu, int32_t like)",
  stepAside: "int32_t rf_step_aside(int32_t like)",
  trim: "void rf_trim()",
  alikePrepare: "int32_t rf_alike_prepare(int32_t fd)",
  alikeTake: "double rf_alike_take(int32_t proc)",
  close: "int32_t rf_close(int32_t fd)",
  notifyReceive: "int32_t rf_notify_receive(int32_t listener)",
  notifyContinue: "int32_t rf_notify_continue(int32_t listener, uint32_t idLow, uint32_t idHigh)",
  notifyRefuse: "int32_t rf_notify_refuse(int32_t listener, uint32_t idLow, uint32_t idHigh, int32_t error)",
  notifyAnswer:
    "int32_t rf_notify_answer(int32_t listener, uint32_t idLow, uint32_t idHigh, uint32_t low, uint32_t high)",
  notifyAddfd:
    "int32_t rf_notify_addfd(int32_t listener, uint32_t idLow, uint32_t idHigh, int32_t fd, int32_t target, int32_t answers)",
  zygoteHello: "int32_t rf_zygote_hello(int32_t socket, int32_t threads, uint32_t catches)",
  zygoteSend:
    "int32_t rf_zygote_send(int32_t socket, uint32_t request, uint32_t sequence, uint32_t low, uint32_t high, int32_t count)",
  zygoteReceive: "int32_t rf_zygote_receive(int32_t socket)",
  takeDescriptor: "int32_t rf_take_descriptor(int32_t pid, int32_t fd)",
  trace: "int32_t rf_trace(int32_t zygote, double entry)",
  traceEnded: "void rf_trace_ended(int32_t pid)",
  streamRead:
    "int32_t rf_stream_read(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length, int32_t isSocket)",
  streamWrite:
    "int32_t rf_stream_write(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length, int32_t isSocket)",
  read: "int32_t rf_read(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length)",
  write: "int32_t rf_write(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length)",
  pread: "int32_t rf_pread(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length, double position)",
  pwrite: "int32_t rf_pwrite(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length, double position)",
  append: "int32_t rf_append(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length)",
  preadScratch: "int32_t rf_pread_scratch(int32_t fd, uint32_t offset, uint32_t length, double position)",
  processCopyIn:
    "int32_t rf_process_copy_in(int32_t pid, double address, uint32_t chunk, uint32_t offset, uint32_t length)",
  processCopyOut:
    "int32_t rf_process_copy_out(int32_t pid, double address, uint32_t chunk, uint32_t offset, uint32_t length)",
  preadTo:
    "int32_t rf_pread_to(int32_t fd, int32_t pid, double address, uint32_t length, double position, int32_t waits)",
  pwriteFrom:
    "int32_t rf_pwrite_from(int32_t fd, int32_t pid, double address, uint32_t length, double position)",
  copyTo: "int32_t rf_copy_to(int32_t pid, double address, uint8_t *bytes, uint32_t offset, uint32_t length)",
  copyFrom:
    "int32_t rf_copy_from(int32_t pid, double address, uint8_t *bytes, uint32_t offset, uint32_t length)",
  addressOf: "double rf_address_of(uint8_t *bytes)",
  fillPieces: "int32_t rf_fill_pieces(int32_t pid, double address, uint32_t length, int32_t count)",
  emptyPieces: "int32_t rf_empty_pieces(int32_t pid, double address, uint32_t length, int32_t count)",
  processRead: "int32_t rf_process_read(int32_t pid, double address, uint32_t length)",
  seek: "double rf_seek(int32_t fd, double offset, int32_t whence)",
  readSmall: "int32_t rf_read_small(int32_t dir, const char *path)",
  pollOne: "int32_t rf_poll_one(int32_t fd, int32_t events, int32_t timeoutMs)",
  openNamed: "int32_t rf_open_component(int32_t dir, int32_t flags)",
  duplicate: "int32_t rf_duplicate(int32_t fd)",
  reopen: "int32_t rf_reopen(int32_t proc, int32_t fd, int32_t flags)",
  fstat: "int32_t rf_fstat(int32_t fd)",
  statNamed: "int32_t rf_stat_at(int32_t dir)",
  create: "int32_t rf_create(int32_t dir)",
  mkdir: "int32_t rf_mkdir(int32_t dir)",
  mknod: "int32_t rf_mknod(int32_t dir, uint32_t type)",
  symlink: "int32_t rf_symlink(int32_t dir)",
  link: "int32_t rf_link(int32_t proc, int32_t fd, int32_t dir)",
  unlink: "int32_t rf_unlink(int32_t dir, int32_t isDirectory)",
  rename: "int32_t rf_rename(int32_t dir, int32_t to, uint32_t flags)",
  chown: "int32_t rf_chown(int32_t fd, int32_t uid, int32_t gid)",
  chmod: "int32_t rf_chmod(int32_t proc, int32_t fd, uint32_t mode)",
  utimens: "int32_t rf_utimens(int32_t fd)",
  setxattr: "int32_t rf_setxattr(int32_t proc, int32_t fd, uint32_t length, int32_t flags)",
  removexattr: "int32_t rf_removexattr(int32_t proc, int32_t fd)",
  getdents: "int32_t rf_getdents(int32_t fd)",
  fstatfs: "int32_t rf_fstatfs(int32_t fd)",
  getxattrNamed: "int32_t rf_getxattr(int32_t proc, int32_t fd)",
  listxattr: "int32_t rf_listxattr(int32_t proc, int32_t fd)",
  preadNowait:
    "int32_t rf_pread_nowait(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length, double position)",
  readlink: "int32_t rf_readlink(int32_t fd)",
  jobsSetupOf: "int32_t rf_jobs_setup(uint32_t kernel, uint8_t *base, int32_t doorbell)",
  jobsEndOf: "void rf_jobs_end(uint32_t kernel)",
  jobSubmitOf: "int32_t rf_job_submit(uint32_t kernel, int32_t number, int32_t job)",
  jobWaitOf: "int32_t rf_job_wait(uint32_t kernel, int32_t job, int32_t timeoutMs)",
  jobsHeardOf: "int32_t rf_jobs_heard(uint32_t kernel)",
  terminalGet: "int32_t rf_terminal_get(int32_t fd, uint32_t request)",
  terminalSet: "int32_t rf_terminal_set(int32_t fd, uint32_t request)",
  terminalFlush: "int32_t rf_terminal_flush(int32_t fd, int32_t queue)",
  descriptorLimit: "int32_t rf_descriptor_limit()",
  framesReceive: "int32_t rf_frames_receive(int32_t fd, uint8_t *bytes, uint32_t size, int32_t max)",
  framesFill: "int32_t rf_frames_fill(int32_t fd, int32_t count)",
  framesEmpty: "int32_t rf_frames_empty(int32_t fd, int32_t count)",
  framesSend: "int32_t rf_frames_send(int32_t fd, uint8_t *bytes, int32_t count)",
  tapFill: "int32_t rf_tap_fill(int32_t fd, int32_t most)",
  tapEmpty: "int32_t rf_tap_empty(int32_t fd, int32_t count)",
  keeperReceive: "int32_t rf_keeper_receive(int32_t fd, uint8_t *bytes, uint32_t size)",
  keeperAsk: "int32_t rf_keeper_ask(int32_t fd, uint32_t what, uint32_t family, uint32_t port)",
  fcntlGetFlags: "int32_t rf_fcntl_get_flags(int32_t fd)",
  makerAsk: "int32_t rf_maker_ask(int32_t channel, int32_t domain, int32_t type, int32_t protocol)",
  makerBind: "int32_t rf_maker_bind(int32_t channel, int32_t fd, uint32_t length)",
  makerAnswer: "int32_t rf_maker_answer(int32_t channel)",
  socketBind: "int32_t rf_socket_bind(int32_t fd, uint32_t length)",
  socketConnect: "int32_t rf_socket_connect(int32_t fd, uint32_t length)",
  socketListen: "int32_t rf_socket_listen(int32_t fd, int32_t backlog)",
  socketAccept: "int32_t rf_socket_accept(int32_t fd)",
  socketShutdown: "int32_t rf_socket_shutdown(int32_t fd, int32_t how)",
  socketName: "int32_t rf_socket_name(int32_t fd, int32_t isPeer)",
  socketGet: "int32_t rf_socket_get(int32_t fd, int32_t level, int32_t name, uint32_t room)",
  socketSet: "int32_t rf_socket_set(int32_t fd, int32_t level, int32_t name, uint32_t length)",
  socketCount: "int32_t rf_socket_count(int32_t fd, uint32_t request)",
  socketSend:
    "int32_t rf_socket_send(int32_t fd, uint8_t *bytes, uint32_t length, int32_t flags, uint32_t nameLength, uint32_t controlLength)",
  socketReceive:
    "int32_t rf_socket_receive(int32_t fd, uint8_t *bytes, uint32_t length, int32_t flags, uint32_t controlRoom)",
  socketPeek:
    "int32_t rf_socket_peek(int32_t fd, uint8_t *bytes, uint32_t length, int32_t flags, uint32_t controlRoom, uint32_t skip)",
  socketTake: "int32_t rf_socket_take(int32_t fd, uint32_t length)",
  receiveTo:
    "int32_t rf_receive_to(int32_t fd, int32_t pid, double address, uint32_t length, uint8_t *bytes)",
  sendFrom: "int32_t rf_send_from(int32_t fd, int32_t pid, double address, uint32_t length, uint8_t *bytes)",
} as const;

/** Calls that may wait for a disk, or take long: they run on libuv's threads, and have no scratch area. */
const BACKGROUND = {
  warm: "int32_t rf_warm(int32_t fd, double position, double length)",
  close: "int32_t rf_close_large(int32_t fd)",
} as const;

/** Calls in the background at once: libuv has few threads, and koffi a bound of its own. */
const BACKGROUND_MAX = 32;

/** What a C parameter is in TypeScript; a string has one char a byte. */
type Argument<Parameter extends string> = Parameter extends `${"int32_t" | "uint32_t" | "double"} ${string}`
  ? number
  : Parameter extends `uint8_t *${string}`
    ? Uint8Array
    : Parameter extends `const char *${string}`
      ? string
      : never;

type Arguments<Parameters extends string> = Parameters extends ""
  ? []
  : Parameters extends `${infer First}, ${infer Rest}`
    ? [Argument<First>, ...Arguments<Rest>]
    : [Argument<Parameters>];

/** The TypeScript signature of a C declaration. */
type Signature<Declaration extends string> = Declaration extends `void rf_${string}(${infer Parameters})`
  ? (...args: Arguments<Parameters>) => void
  : Declaration extends `${"int32_t" | "double"} rf_${string}(${infer Parameters})`
    ? (...args: Arguments<Parameters>) => number
    : never;

export type EntryPoints = {
  readonly [Name in keyof typeof DECLARATIONS]: Signature<(typeof DECLARATIONS)[Name]>;
};
type BackgroundEntryPoints = {
  readonly [Name in keyof typeof BACKGROUND]: Signature<(typeof BACKGROUND)[Name]>;
};

export type Entry = keyof EntryPoints | keyof OfKernel;
export type BackgroundEntry = keyof BackgroundEntryPoints;
export type BackgroundArguments<Entry extends BackgroundEntry> = Parameters<BackgroundEntryPoints[Entry]>;

/** Entries that are about one kernel of the process. */
export interface OfKernel {
  mapKernelPage(proc: number): number;
  jobsSetup(base: Uint8Array, doorbell: number): number;
  jobsEnd(): void;
  jobSubmit(lane: number, job: number): number;
  jobWait(job: number, timeoutMs: number): number;
  jobsHeard(): number;
}

export function ofKernel(entries: EntryPoints, kernel: number): OfKernel {
  return {
    mapKernelPage: (proc) => entries.mapPageAt(kernel * 2 ** KERNEL_SHIFT + KERNEL_PAGE_CHUNK, proc),
    jobsSetup: (base, doorbell) => entries.jobsSetupOf(kernel, base, doorbell),
    jobsEnd: () => entries.jobsEndOf(kernel),
    jobSubmit: (lane, job) => entries.jobSubmitOf(kernel, lane, job),
    jobWait: (job, timeoutMs) => entries.jobWaitOf(kernel, job, timeoutMs),
    jobsHeard: () => entries.jobsHeardOf(kernel),
  };
}

/** What a kernel calls: the entry points by name, and this thread's scratch area in the views that callers need. */
export type Native = EntryPoints &
  OfKernel & {
    readonly scratch: Uint8Array;
    readonly scratchWords: Int32Array;
    readonly scratchView: DataView;
    /** Not 0: a call that looked a name up has made this thread wait for longer than a millisecond. */
    readonly tookLong: Int32Array;
    /** Puts a name (one char a byte) with a NUL behind it at an offset of the scratch area. */
    putName(name: string, at?: number): void;
    /** Opens one component below a directory handle, never through a symlink (docs/hardening.md, F6). */
    openComponent(directory: number, name: string, flags: number): number;
    /** What fstat leaves, of one component below a directory handle, never through a symlink. */
    statAt(directory: number, name: string): number;
    getxattr(proc: number, fd: number, name: string): number;
    /** Starts a call in the background; its result comes when the event loop turns. */
    background<Entry extends BackgroundEntry>(
      entry: Entry,
      args: BackgroundArguments<Entry>,
      done: (result: number) => void,
    ): void;
  };

/**
 * An object whose properties are made when they are first read, and are plain properties from then on: a
 * sandbox uses a part of the entries. It keeps V8's fast form, which so many properties, assigned one by one,
 * would not. That an entry is declared when the process is confined already costs no call that its filter
 * lacks: koffi finds the symbol in the library that is loaded, and takes anonymous memory.
 */
function madeAtFirstUse<Name extends string, Value>(
  names: readonly Name[],
  make: (name: Name) => Value,
): Record<Name, Value> {
  const made = {};
  for (const name of names) {
    Object.defineProperty(made, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = make(name);
        Object.defineProperty(made, name, { value });
        return value;
      },
    });
  }
  return made as Record<Name, Value>;
}

/**
 * Loads the library for the calling thread and gives it a scratch area of its own. koffi comes only now: native code
 * cannot be part of the snapshot that a sandbox starts from (scripts/bundle.mjs).
 */
export async function loadNative(path: string): Promise<Native> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load(path);
  const declared = <Table extends Record<string, string>>(table: Table) =>
    madeAtFirstUse(Object.keys(table) as (keyof Table & string)[], (name) => library.func(table[name]!));
  const entries = declared(DECLARATIONS) as EntryPoints;
  const background = declared(BACKGROUND);
  // Not in the V8 heap's movable part: a SharedArrayBuffer's memory never moves.
  const memory = new SharedArrayBuffer(SCRATCH_SIZE + 4);
  const scratch = new Uint8Array(memory, 0, SCRATCH_SIZE);
  const text = Buffer.from(scratch.buffer);
  let running = 0;
  const waiting: (() => void)[] = [];
  const native: Native = Object.assign(entries, ofKernel(entries, 0), {
    scratch,
    scratchWords: new Int32Array(memory, 0, SCRATCH_SIZE >>> 2),
    scratchView: new DataView(memory, 0, SCRATCH_SIZE),
    tookLong: new Int32Array(memory, SCRATCH_SIZE, 1),
    putName(name: string, at = 0) {
      text[at + text.write(name, at, "latin1")] = 0;
    },
    openComponent(directory: number, name: string, flags: number) {
      native.putName(name);
      return native.openNamed(directory, flags);
    },
    statAt(directory: number, name: string) {
      native.putName(name);
      return native.statNamed(directory);
    },
    getxattr(proc: number, fd: number, name: string) {
      native.putName(name);
      return native.getxattrNamed(proc, fd);
    },
    background<Entry extends BackgroundEntry>(
      entry: Entry,
      args: BackgroundArguments<Entry>,
      done: (result: number) => void,
    ) {
      const start = () => {
        running++;
        background[entry].async(...args, (error: unknown, result: number) => {
          running--;
          waiting.shift()?.();
          done(error === null ? result : -EIO);
        });
      };
      if (running < BACKGROUND_MAX) start();
      else waiting.push(start);
    },
  });
  native.setScratch(scratch, SCRATCH_SIZE);
  return native;
}
