// How a call can fail, in google.rpc's codes: those that a shim answers with, those that containerd makes errors of its
// own of, and those that a client makes itself.

export const Code = {
  OK: 0,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

export type Code = (typeof Code)[keyof typeof Code];

/** A call's failure: what a handler throws, and what a client's call rejects with. */
export class RpcError extends Error {
  /** One of Code, or what else a server has said. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Characters of a status's message: it may quote what a peer has sent. */
const MESSAGE_MAX = 16_384;

/** What is told of something that was thrown: containerd has its own words for UNKNOWN, so these are not lost. */
export function statusOf(error: unknown): { code: number; message: string } {
  const code = error instanceof RpcError && error.code !== Code.OK ? error.code : Code.UNKNOWN;
  const message = error instanceof Error ? error.message : String(error);
  return { code, message: message.slice(0, MESSAGE_MAX) };
}
