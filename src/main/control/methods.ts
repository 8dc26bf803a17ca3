// What can be asked over a control connection: one table. A request is {"id", "method", "params"}; one
// with an id is answered by {"id", "result"} or {"id", "error": {"code", "message"}}; the life of the
// program that a connection stands for is told by events (program.ts).

import type { KernelApi } from "../../shared/process_spec.ts";
import type { Log } from "../log.ts";
import { checkProcessSpec } from "./check_spec.ts";
import type { Connection } from "./connection.ts";
import { CODE_RINGFENCE, Program } from "./program.ts";

const SIGNAL_MAX = 64;

export interface Peer {
  connection: Connection;
  /** The program that this connection stands for. */
  program?: Program;
}

export interface Control {
  kernel: KernelApi;
  log: Log;
}

type Params = Record<string, unknown>;

export class RequestError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

function invalid(what: string): RequestError {
  return new RequestError("ERR_PARAMS", `${what} is missing or not valid`);
}

function program(peer: Peer): Program {
  if (!peer.program) throw new RequestError("ERR_NO_PROGRAM", "this connection has started no program");
  return peer.program;
}

type Method = (control: Control, peer: Peer, params: Params) => unknown;

export const METHODS: Readonly<Record<string, Method>> = {
  /** Starts a program with the three descriptors sent along as 0-2. Events tell the rest. */
  exec({ kernel, log }, peer, params) {
    if (peer.program) throw new RequestError("ERR_BUSY", "this connection has started a program already");
    const spec = checkProcessSpec(params);
    if (typeof spec === "string") throw invalid(spec);
    const stdio = peer.connection.takeDescriptors(3);
    if (!stdio) throw invalid("three descriptors");
    const { connection } = peer;
    peer.program = new Program(kernel, (event) => connection.send(event));
    peer.program.run(spec, stdio as [number, number, number]).catch((error: unknown) => {
      log.error({ err: error }, "exec failed");
      connection.send({ event: "error", code: CODE_RINGFENCE, message: String(error) });
    });
  },

  /** Sends a signal to the connection's program. */
  signal(_control, peer, { signo, terminal }) {
    if (typeof signo !== "number" || !Number.isInteger(signo) || signo < 1 || signo > SIGNAL_MAX)
      throw invalid("signo");
    return program(peer).signal(signo, terminal === true);
  },

  /** The caller of the connection's program came into its terminal's foreground, or left it. */
  foreground(_control, peer, { value }) {
    if (typeof value !== "boolean") throw invalid("value");
    return program(peer).foreground(value);
  },

  /** Counters by name, for tests and debugging. */
  counters({ kernel }) {
    return kernel.counters();
  },
};

/** Runs one request and answers it, if it wants an answer. False: it is no request at all. */
export async function handleRequest(control: Control, peer: Peer, value: unknown): Promise<boolean> {
  const { id, method, params } = (value ?? {}) as { id?: unknown; method?: unknown; params?: unknown };
  if (typeof value !== "object" || typeof method !== "string") return false;
  const given = typeof params === "object" && params !== null ? (params as Params) : {};
  try {
    const handler = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
    if (!handler) throw new RequestError("ERR_METHOD", `unknown method ${method}`);
    const result = await handler(control, peer, given);
    if (id !== undefined) peer.connection.send({ id, result: result ?? null });
  } catch (error) {
    const code = error instanceof RequestError ? error.code : "ERR_INTERNAL";
    const message = error instanceof Error ? error.message : String(error);
    if (code === "ERR_INTERNAL") control.log.error({ err: error, method }, "control request failed");
    if (id !== undefined) peer.connection.send({ id, error: { code, message } });
  }
  return true;
}

/** The peer is gone: so is whoever waited for its program. */
export function peerGone(control: Control, peer: Peer): void {
  peer.program
    ?.kill()
    .catch((error: unknown) => control.log.error({ err: error }, "killing a program failed"));
}
