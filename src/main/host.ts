// host.node as the main thread sees it: descriptors in messages, accept, readiness (native/host/napi.c).

/** What arrived: bytes, and descriptors that are now this process's own. No bytes: end of file. */
export interface Message {
  data: Buffer;
  fds: number[];
}

export interface Host {
  /** Does not wait. A negative errno on failure: EAGAIN, EMSGSIZE (something was cut off), ... */
  recvMessage(fd: number, maxBytes: number): Message | number;
  /** Bytes sent, or a negative errno. */
  sendMessage(fd: number, data: Uint8Array, fds: number[], nonBlocking: boolean): number;
  /** Descriptor of the next connection, or a negative errno. */
  accept(fd: number): number;
  /** User id of the connected process as this user namespace sees it, or a negative errno. */
  peerUid(fd: number): number;
  /** Events: 1 readable, 2 writable, 4 disconnected. The callback gets them, or a negative errno. */
  pollStart(fd: number, events: number, callback: (events: number) => void): PollHandle;
  pollStop(handle: PollHandle): void;
  uvBackendFd(): number;
  /** Ends the process at once, whatever its threads are in. */
  exitProcess(code: number): never;
}

declare const pollHandle: unique symbol;
export type PollHandle = { [pollHandle]: true };

export const READABLE = 1;
export const WRITABLE = 2;

/** Loads the file for the calling thread. */
export function loadHost(path: string): Host {
  const module = { exports: {} };
  process.dlopen(module, path);
  return module.exports as Host;
}
