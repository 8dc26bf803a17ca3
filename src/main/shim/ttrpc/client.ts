// A client of ttrpc, with any number of calls under way on its connection. What a server says is bounded by frames; a
// server that breaks the protocol loses the connection.

import { connect as connectSocket, type Socket } from "node:net";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { decode } from "../decode.ts";
import { RequestSchema, type Response, ResponseSchema } from "../gen/ttrpc_pb.ts";
import { DATA_MAX, encodeFrame, FrameReader, FrameType } from "./frame.ts";
import { Code, RpcError } from "./status.ts";

const NS_PER_MS = 1_000_000n;
const STREAM_MAX = 2 ** 32 - 1;

interface Asked {
  resolve(response: Response): void;
  reject(error: RpcError): void;
}

const closed = () => new RpcError(Code.UNAVAILABLE, "ttrpc: closed");

export class TtrpcClient {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #asked = new Map<number, Asked>();
  #nextStream = 1;
  #isOpen = true;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("error", () => this.close());
    // What ended on the server's side ends here: a half of a connection is of no use.
    socket.on("end", () => this.close());
    socket.on("close", () => this.close());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Resolves to a method's result. Rejects with an RpcError: the server's, UNAVAILABLE where the connection ends first, or
   * DEADLINE_EXCEEDED after `timeoutMs`, which the server is told as well.
   */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    argument: MessageInitShape<I>,
    timeoutMs?: number,
  ): Promise<MessageShape<O>> {
    const request = create(RequestSchema, {
      service: method.parent.typeName,
      method: method.name,
      payload: toBinary(method.input, create(method.input, argument)),
      timeoutNano: BigInt(timeoutMs ?? 0) * NS_PER_MS,
    });
    const data = toBinary(RequestSchema, request);
    if (data.length > DATA_MAX)
      throw new RpcError(Code.RESOURCE_EXHAUSTED, `a request of ${data.length} bytes is too long`);
    const { status, payload } = await this.#ask(data, timeoutMs);
    if (status !== undefined && status.code !== Code.OK) throw new RpcError(status.code, status.message);
    try {
      return decode(method.output, payload);
    } catch (error) {
      throw new RpcError(Code.INTERNAL, (error as Error).message);
    }
  }

  /** Calls that are under way reject with UNAVAILABLE. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.destroy();
    for (const { reject } of this.#asked.values()) reject(closed());
    this.#asked.clear();
  }

  #ask(data: Uint8Array, timeoutMs: number | undefined): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    if (this.#nextStream > STREAM_MAX) this.close();
    if (!this.#isOpen) {
      reject(closed());
      return promise;
    }
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#asked.set(stream, { resolve, reject });
    this.#socket.write(encodeFrame(stream, FrameType.REQUEST, 0, data));
    if (timeoutMs === undefined) return promise;
    const timer = setTimeout(() => {
      this.#asked.delete(stream);
      reject(new RpcError(Code.DEADLINE_EXCEEDED, "context deadline exceeded"));
    }, timeoutMs);
    return promise.finally(() => clearTimeout(timer));
  }

  #take(bytes: Buffer): void {
    for (const { stream, type, length, data } of this.#reader.take(bytes)) {
      const asked = this.#asked.get(stream);
      // Late, or of a type that is not used for these calls.
      if (asked === undefined || type !== FrameType.RESPONSE) continue;
      this.#asked.delete(stream);
      try {
        if (length > DATA_MAX) throw new RangeError("too long");
        asked.resolve(decode(ResponseSchema, data));
      } catch (error) {
        asked.reject(new RpcError(Code.INTERNAL, `the answer cannot be read: ${(error as Error).message}`));
        this.close();
        return;
      }
    }
  }
}

/** Connects to a socket's path, with or without "unix://"; rejects with UNAVAILABLE. */
export function connect(address: string, timeoutMs?: number): Promise<TtrpcClient> {
  const { promise, resolve, reject } = Promise.withResolvers<TtrpcClient>();
  const socket = connectSocket(address.replace(/^unix:\/\//, ""));
  const fail = (why: string) => {
    socket.destroy();
    reject(new RpcError(Code.UNAVAILABLE, `${address}: ${why}`));
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(fail, timeoutMs, "timed out");
  const refused = (error: Error) => {
    clearTimeout(timer);
    fail(error.message);
  };
  socket.once("error", refused);
  socket.once("connect", () => {
    clearTimeout(timer);
    socket.off("error", refused);
    resolve(new TtrpcClient(socket));
  });
  return promise;
}
