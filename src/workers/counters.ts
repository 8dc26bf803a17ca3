// Counters of one kernel, by the names under which the `counters` control request shows them. Each
// is a plain field: adding one is a line here.

type Name = Exclude<keyof Counters, "toRecord">;

/**
 * Of several threads' counters, those of things that each has, and one of them decides on: thread 0 says how many there are
 * of its own, and the thread NET of its own. All others are added up.
 */
export const OF_THREAD_0: readonly Name[] = ["openFiles", "networks"];
export const OF_NET: readonly Name[] = ["netDevices", "netAddresses", "routes", "rules", "neighbours"];

export class Counters {
  /** In use now: */
  processes = 0;
  /** Processes that have ended and were not waited for. */
  unreaped = 0;
  /** Those that are stopped. */
  stopped = 0;
  pidNamespaces = 0;
  /** Those that guests have made, and lines of their maps. */
  userNamespaces = 0;
  idExtents = 0;
  /** Namespaces of System V IPC, of host names and of control groups. */
  smallNamespaces = 0;
  /** Beside those of the first namespace, which each has. */
  pidNumbers = 0;
  tasks = 0;
  /** Supplementary groups of all tasks. */
  groupIds = 0;
  /** VMAs of all address spaces; those that a fork shares count for each. */
  mappings = 0;
  openFiles = 0;
  /** Length of all descriptor tables. */
  descriptorSlots = 0;
  epollItems = 0;
  /** Call sites that were patched, in all address spaces; with those that are undone, and have a trampoline yet. */
  patchedSites = 0;
  /** Those that were judged, and stay as they are. */
  refusedSites = 0;
  /** Pages with trampolines, and of text that was patched; those that a fork shares count once. */
  patchPages = 0;
  /** Files for which calls of poll, select and their like wait. */
  waitEntries = 0;
  posixTimers = 0;
  queuedSignals = 0;
  /** Of programs that filter system calls. */
  filterBytes = 0;
  /** Futexes that somebody waits on. */
  futexQueues = 0;
  coreDumps = 0;
  /** Calls that a filter has kept from being made, and that are told. */
  filteredCalls = 0;
  /** Record locks, and those of flock. */
  fileLocks = 0;
  sockets = 0;
  /** Devices of the network, their addresses, and what else it is configured with. */
  networks = 0;
  netDevices = 0;
  netAddresses = 0;
  routes = 0;
  rules = 0;
  neighbours = 0;
  /** Of sockets those of the internet's families, and groups that they are in. */
  inetSockets = 0;
  /** Sockets of the host's network. */
  hostSockets = 0;
  /** Sockets that see frames of devices. */
  packetSockets = 0;
  /** Rings that such sockets share with processes, and their bytes. */
  packetRings = 0;
  packetRingBytes = 0;
  groupMemberships = 0;
  /** Connections of TCP, what is left of ended ones, and those that are not made yet. */
  tcpConversations = 0;
  /** Flows that conntrack knows. */
  trackedFlows = 0;
  socketMemory = 0;
  /** Bytes of buffers that packets of the network stack were made with. */
  packetMemory = 0;
  filesInFlight = 0;
  mounts = 0;
  /** System V objects of all IPC namespaces, what is to be undone to semaphores, and messages. */
  ipcObjects = 0;
  semaphores = 0;
  semaphoreUndos = 0;
  messages = 0;
  messageBytes = 0;
  /** Of asynchronous I/O: room for events. */
  aioEvents = 0;
  inotifyWatches = 0;
  inotifyEvents = 0;
  dentries = 0;
  /** Of removed names that somebody has open, and of the removed directories above them. */
  deletedDentries = 0;
  /** Bytes of what can be made again: of listings of directories that are being read, of generated files. */
  listed = 0;
  generatedText = 0;
  /** Bytes of names of memory files, of short link targets and the like, of arguments of running execs. */
  strings = 0;
  xattrs = 0;
  /** Pages that pipes hold. */
  pipePages = 0;
  /** Of memory file systems: inodes, bytes of contents, files that have a host memfd. */
  memoryNodes = 0;
  memoryFileBytes = 0;
  /** Of these, what is no file's any more, and the host still frees. */
  goingFileBytes = 0;
  memoryFiles = 0;
  /** Open files of the host's file systems: each has a descriptor. */
  hostFiles = 0;
  /** Since the start: */
  requests = 0;
  /** System calls that trapped: they came from sites that are not patched. */
  trappedCalls = 0;
  programsStarted = 0;
  /** Host tasks that were asked for: one for each process, exec and thread that does not go on in another's (parked.ts). */
  hostTasks = 0;
  ipcNamespaces = 0;
  unsupportedCalls = 0;
  /** Sets of rules that the packet filter did not take. */
  filterRefusals = 0;
  unexpectedNotifications = 0;
  /** Host tasks that nobody had announced, or that would not name themselves (strangers.ts). */
  strangers = 0;
  protocolErrors = 0;
  handlerErrors = 0;
  ignoredKicks = 0;
  lateHolders = 0;
  /** Host calls that were made in the background, because they might wait for a disk. */
  backgroundCalls = 0;
  /** Jobs that were given to the Gofer's threads; those that are not done; answers that calls keep until they end. */
  hostJobs = 0;
  hostJobsWaiting = 0;
  /** What waits until other kernel threads are not on the way to it any more (pool/passed.ts). */
  givenUp = 0;
  /** Open files whose bytes other kernel threads move as well. */
  lentFiles = 0;
  hostAnswers = 0;
  /** Calls whose handlers ran again with what the host had answered; jobs that the kernel thread has had to wait for. */
  hostRetries = 0;
  hostWaits = 0;
  /** Calls, timers and callbacks that held the kernel thread for too long (long_turns.ts). */
  longTurns = 0;
  longestTurnMs = 0;
  /** Turns that were long because V8 collected garbage. */
  longCollections = 0;
  /** Errors that the host has not made (host_faults.ts). */
  hostFaults = 0;
  /** Of streams: what did not reach its receiver, and could not come again (net/unread.ts). */
  lostReads = 0;
  sleeps = 0;
  /** Reads that stubs made by themselves (vfs/stub_read.ts). */
  stubReads = 0;
  /** Changes of where the sandbox's threads run (cpu_placement.ts). */
  placements = 0;
  /** Trace sessions that there are; events that they wanted, and what their readers could not take of them. */
  traceSessions = 0;
  traceEvents = 0;
  traceLost = 0;

  /** `others`: what another thread tells. */
  toRecord(others: readonly Name[] = []): Record<string, number> {
    const own: Record<string, number> = Object.assign({}, this as unknown as Record<string, number>);
    for (const name of others) delete own[name];
    return own;
  }
}
