// A server of ttrpc: unary calls alone, as a task service has them. Calls of one connection run beside each other, and
// are answered in the order in which they end; what goes wrong with one is that call's answer, in the words of Go's
// server. What one connection can make the process hold is bounded: calls under way by number and by bytes, and bytes
// that the peer does not read by not reading its own.
//
// A request's timeout is not looked at: the caller gives up by itself, the protocol has no word for that, and to answer
// early would tell it nothing while the call goes on. That a caller has gone altogether is told by `gone`.

import type { Server, Socket } from "node:net";
import {
  create,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { decode } from "../decode.ts";
import { type Request, RequestSchema, ResponseSchema } from "../gen/ttrpc_pb.ts";
import { DATA_MAX, encodeFrame, Flag, type Frame, FrameReader, FrameType } from "./frame.ts";
import { Code, RpcError, statusOf } from "./status.ts";

/** containerd has one for each container, and a shim may have all containers of a node. */
const CONNECTIONS_MAX = 4096;
/** Of one connection: a Wait for each process of a container is under way at all times. */
const CALLS_MAX = 65_536;
const CALL_BYTES_MAX = 16 << 20;
/** Bytes of answers that may wait for the peer before nothing more of it is read. */
const ANSWER_BYTES_MAX = 1 << 20;

export interface Caller {
  /** Aborted when the connection ends: nobody will see the answer. One for all calls of a connection. */
  readonly gone: AbortSignal;
}

/** Handlers by the names of a service's methods in TypeScript; one that is missing is UNIMPLEMENTED. */
export type Handlers<S extends DescService> = {
  readonly [M in keyof S["method"]]?: (
    request: MessageShape<S["method"][M]["input"]>,
    caller: Caller,
  ) => Promise<MessageInitShape<S["method"][M]["output"]>>;
};

export interface Service<S extends DescService = DescService> {
  readonly service: S;
  readonly handlers: Handlers<S>;
}

/** A service and its handlers, whose types belong together. */
export const service = <S extends DescService>(desc: S, handlers: Handlers<S>): Service =>
  ({ service: desc, handlers }) as unknown as Service;

type Handler = (request: unknown, caller: Caller) => Promise<Record<string, unknown>>;

interface Method {
  readonly desc: DescMethod;
  readonly handler: Handler;
}

/** Methods by their service's full name and their own. */
type Methods = ReadonlyMap<string, ReadonlyMap<string, Method>>;

function methodsOf(services: readonly Service[]): Methods {
  const all = new Map<string, Map<string, Method>>();
  for (const { service, handlers } of services) {
    const methods = new Map<string, Method>();
    for (const desc of service.methods) {
      const handler = (handlers as Readonly<Record<string, Handler | undefined>>)[desc.localName];
      if (handler !== undefined && desc.methodKind === "unary")
        methods.set(desc.name, { desc, handler: handler.bind(handlers) });
    }
    all.set(service.typeName, methods);
  }
  return all;
}

function find(methods: Methods, { service, method }: Request): Method {
  const ofService = methods.get(service);
  if (ofService === undefined) throw new RpcError(Code.UNIMPLEMENTED, `service ${service}`);
  const found = ofService.get(method);
  if (found === undefined) throw new RpcError(Code.UNIMPLEMENTED, `method ${method}`);
  return found;
}

function decoded<T>(code: Code, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new RpcError(code, `${what}: ${(error as Error).message}`);
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #methods: Methods;
  readonly #reader = new FrameReader();
  readonly #gone = new AbortController();
  readonly #caller: Caller = { gone: this.#gone.signal };
  #lastStream = 0;
  #calls = 0;
  #callBytes = 0;

  constructor(socket: Socket, methods: Methods) {
    this.#socket = socket;
    this.#methods = methods;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("drain", () => socket.resume());
    // A close follows.
    socket.on("error", () => {});
    socket.on("close", () => this.#gone.abort());
  }

  #take(bytes: Buffer): void {
    for (const frame of this.#reader.take(bytes)) this.#frame(frame);
  }

  #frame(frame: Frame): void {
    const { stream } = frame;
    try {
      this.#check(frame);
    } catch (error) {
      this.#refuse(stream, error);
      return;
    }
    // Other types are a later version's, which Go's server passes over as well.
    if (frame.type !== FrameType.REQUEST) return;
    this.#lastStream = stream;
    void this.#serve(frame);
  }

  /** Throws an RpcError where a frame is not to be served. */
  #check({ stream, type, flags, length }: Frame): void {
    if (length > DATA_MAX)
      throw new RpcError(
        Code.RESOURCE_EXHAUSTED,
        `message length ${length} exceed maximum message size of ${DATA_MAX}`,
      );
    if (stream % 2 !== 1)
      throw new RpcError(Code.INVALID_ARGUMENT, "StreamID must be odd for client initiated streams");
    if (type === FrameType.DATA) throw new RpcError(Code.INVALID_ARGUMENT, "StreamID is no longer active");
    if (type !== FrameType.REQUEST) return;
    if (stream <= this.#lastStream)
      throw new RpcError(Code.INVALID_ARGUMENT, "StreamID cannot be re-used and must increment");
    if ((flags & Flag.REMOTE_OPEN) !== 0)
      throw new RpcError(Code.UNIMPLEMENTED, "no method takes a stream of requests");
    if (this.#calls >= CALLS_MAX || this.#callBytes + length > CALL_BYTES_MAX)
      throw new RpcError(Code.RESOURCE_EXHAUSTED, "too many calls are under way on this connection");
  }

  async #serve({ stream, data }: Frame): Promise<void> {
    this.#calls++;
    this.#callBytes += data.length;
    try {
      this.#answer(stream, await this.#call(data));
    } catch (error) {
      this.#refuse(stream, error);
    } finally {
      this.#calls--;
      this.#callBytes -= data.length;
    }
  }

  /** The response's encoded payload. */
  async #call(data: Uint8Array): Promise<Uint8Array> {
    const request = decoded(Code.INVALID_ARGUMENT, "unmarshal request error", () =>
      decode(RequestSchema, data),
    );
    const { desc, handler } = find(this.#methods, request);
    const argument = decoded(Code.INTERNAL, "ttrpc: error unmarshalling payload", () =>
      decode(desc.input, request.payload),
    );
    return toBinary(desc.output, create(desc.output, await handler(argument, this.#caller)));
  }

  #answer(stream: number, payload: Uint8Array): void {
    const data = toBinary(ResponseSchema, create(ResponseSchema, { payload }));
    if (data.length > DATA_MAX)
      throw new RpcError(Code.RESOURCE_EXHAUSTED, `an answer of ${data.length} bytes is too long`);
    this.#send(stream, data);
  }

  #refuse(stream: number, error: unknown): void {
    this.#send(stream, toBinary(ResponseSchema, create(ResponseSchema, { status: statusOf(error) })));
  }

  #send(stream: number, data: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#socket.write(encodeFrame(stream, FrameType.RESPONSE, 0, data));
    if (this.#socket.writableLength > ANSWER_BYTES_MAX) this.#socket.pause();
  }
}

/** Serves what connects to a server that listens, or will. */
export function serve(server: Server, services: readonly Service[]): void {
  const methods = methodsOf(services);
  server.maxConnections = CONNECTIONS_MAX;
  server.on("connection", (socket) => new Connection(socket, methods));
}
