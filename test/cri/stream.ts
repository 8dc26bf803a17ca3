// Streams of containers' and pods' ports, as containerd's server of them speaks: WebSocket (RFC 6455) with a byte before
// each message that says which channel it is of (v4.channel.k8s.io). The server listens where a program of the engine's
// namespaces can reach it; that program's standard streams are the connection.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { eventually } from "../spawn.ts";

const PROTOCOL = "v4.channel.k8s.io";
/** RFC 6455, 1.3. */
const ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const WAIT_MS = 15_000;

export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;
/** How it ended: a Status of Kubernetes', in JSON. */
export const OUTCOME = 3;
const RESIZE = 4;

/** A client's frame: in one piece, and masked. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.alloc(2) : Buffer.alloc(4);
  if (length > 0xffff) throw new Error("more than one frame is for");
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | Math.min(length, 126);
  if (length >= 126) head.writeUInt16BE(length, 2);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3]!)]);
}

/** The first whole frame of `bytes`, and what follows it. */
function unframe(bytes: Buffer): { opcode: number; payload: Buffer; rest: Buffer } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const at = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < at) return null;
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < at + length) return null;
  const payload = bytes.subarray(at, at + length);
  return { opcode: bytes[0]! & 0xf, payload, rest: bytes.subarray(at + length) };
}

export class Stream {
  readonly #child: ChildProcess;
  readonly #channels = new Map<number, Buffer>();
  readonly #key = randomBytes(16).toString("base64");
  #bytes: Buffer = Buffer.alloc(0);
  #head: string | null = null;
  #ended = false;

  /** `words`: makes a command one in the engine's namespaces. */
  constructor(words: (command: string[]) => string[], address: string) {
    const url = new URL(address);
    const nc = words(["busybox", "nc", url.hostname, url.port]);
    this.#child = spawn("nsenter", nc, { stdio: ["pipe", "pipe", "ignore"] });
    this.#child.stdin!.on("error", () => {});
    this.#child.stdout!.on("data", (bytes: Buffer) => this.#take(bytes));
    this.#child.on("close", () => {
      this.#ended = true;
    });
    const lines = [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${this.#key}`,
      `Sec-WebSocket-Protocol: ${PROTOCOL}`,
    ];
    this.#child.stdin!.write(`${lines.join("\r\n")}\r\n\r\n`);
  }

  #take(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (this.#head === null) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#head = this.#bytes.subarray(0, end).toString();
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    for (let next = unframe(this.#bytes); next !== null; next = unframe(this.#bytes)) {
      this.#bytes = next.rest;
      const { opcode, payload } = next;
      if (opcode === PING) this.#child.stdin!.write(frame(PONG, payload));
      if (opcode === CLOSE) this.#child.stdin!.end(frame(CLOSE, payload));
      if (opcode !== BINARY || payload.length === 0) continue;
      const channel = payload[0]!;
      const before = this.#channels.get(channel) ?? Buffer.alloc(0);
      this.#channels.set(channel, Buffer.concat([before, payload.subarray(1)]));
    }
  }

  /** Waits until the server speaks WebSocket with us; throws what it says instead. */
  async opened(): Promise<this> {
    await eventually(() => this.#head !== null || this.#ended, WAIT_MS);
    const accept = createHash("sha1").update(`${this.#key}${ACCEPT}`).digest("base64");
    const isOpen = this.#head?.startsWith("HTTP/1.1 101 ") && this.#head.includes(accept);
    if (!isOpen) throw new Error(`no stream: ${this.#head} ${this.#bytes}`);
    return this;
  }

  send(channel: number, bytes: Buffer | string): void {
    this.#child.stdin!.write(frame(BINARY, Buffer.concat([Buffer.of(channel), Buffer.from(bytes)])));
  }

  /** The terminal has another size. */
  resize(columns: number, rows: number): void {
    this.send(RESIZE, JSON.stringify({ Width: columns, Height: rows }));
  }

  bytes(channel: number): Buffer {
    return this.#channels.get(channel) ?? Buffer.alloc(0);
  }

  text(channel: number): string {
    return this.bytes(channel).toString();
  }

  /** Waits for that on a channel; throws with what came instead. */
  async until(channel: number, expected: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    const look = () => {
      found = expected.exec(this.text(channel));
      return found !== null || this.#ended;
    };
    await eventually(look, WAIT_MS);
    look();
    if (found === null) throw new Error(`no ${expected} on channel ${channel}: ${this.text(channel)}`);
    return found;
  }

  /** Waits for the end; the code of the process. */
  async code(): Promise<number> {
    await eventually(() => this.#ended || this.text(OUTCOME).includes("}"), WAIT_MS);
    const outcome = JSON.parse(this.text(OUTCOME)) as {
      status: string;
      message?: string;
      details?: { causes?: { reason: string; message: string }[] };
    };
    if (outcome.status === "Success") return 0;
    const cause = outcome.details?.causes?.find(({ reason }) => reason === "ExitCode");
    if (cause === undefined) throw new Error(outcome.message);
    return Number(cause.message);
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}
