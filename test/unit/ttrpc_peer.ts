// A peer of ttrpc that knows nothing of ours: frames and messages are put together byte by byte, by the protocol's text.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A frame's bytes; the length that its header claims may be another. */
export function frame(
  stream: number,
  type: number,
  data: Uint8Array,
  flags = 0,
  claimed = data.length,
): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(claimed, 0);
  header.writeUInt32BE(stream, 4);
  header.writeUInt8(type, 8);
  header.writeUInt8(flags, 9);
  return Buffer.concat([header, data]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

/** A field of bytes or text. */
export function field(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** A field of a number. */
export const numberField = (number: number, value: number): Buffer =>
  Buffer.concat([varint(number * 8), varint(value)]);

/** ttrpc.Request. */
export const request = (service: string, method: string, payload: Uint8Array = Buffer.alloc(0)): Buffer =>
  Buffer.concat([field(1, service), field(2, method), ...(payload.length > 0 ? [field(3, payload)] : [])]);

/** Fields of a message by their numbers: numbers, and bytes in hexadecimal; the last of each counts. */
export function fieldsOf(bytes: Buffer): Record<number, number | Buffer> {
  const fields: Record<number, number | Buffer> = {};
  let at = 0;
  const next = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = next();
    if (tag % 8 === 0) fields[Math.floor(tag / 8)] = next();
    else {
      const length = next();
      fields[Math.floor(tag / 8)] = bytes.subarray(at, at + length);
      at += length;
    }
  }
  return fields;
}

export interface Answer {
  stream: number;
  type: number;
  /** google.rpc.Status, if there is one. */
  code: number;
  message: string;
  payload: Buffer;
}

/** A connection to a server, on which bytes are sent and answers are waited for. */
export class Peer {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  readonly #answers: Answer[] = [];

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on("error", () => {});
    this.socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#parse();
    });
  }

  send(...pieces: Uint8Array[]): void {
    for (const piece of pieces) this.socket.write(piece);
  }

  /** The next answers, in the order in which they come. */
  async answers(count: number): Promise<Answer[]> {
    while (this.#answers.length < count) await once(this.socket, "data");
    return this.#answers.splice(0, count);
  }

  #parse(): void {
    while (this.#received.length >= 10) {
      const length = this.#received.readUInt32BE(0);
      if (this.#received.length < 10 + length) return;
      const fields = fieldsOf(this.#received.subarray(10, 10 + length));
      const status = fieldsOf((fields[1] as Buffer | undefined) ?? Buffer.alloc(0));
      this.#answers.push({
        stream: this.#received.readUInt32BE(4),
        type: this.#received.readUInt8(8),
        code: (status[1] as number | undefined) ?? 0,
        message: (status[2] as Buffer | undefined)?.toString() ?? "",
        payload: (fields[2] as Buffer | undefined) ?? Buffer.alloc(0),
      });
      this.#received = this.#received.subarray(10 + length);
    }
  }
}

/** A server on a socket in a directory of its own, for as long as `body` runs. */
export async function withServer(
  prepare: (server: Server) => void,
  body: (path: string, server: Server) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-ttrpc-"));
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on("connection", (socket) => sockets.add(socket));
  prepare(server);
  const path = join(directory, "s");
  server.listen(path);
  await once(server, "listening");
  try {
    await body(path, server);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  }
}
