// A bus with a systemd on it, for tests of --systemd-cgroup: it speaks D-Bus to whoever connects, keeps what was called, and
// makes and removes directories of control groups as systemd would. `answers` may say something else in its place.

import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

type Value = string | number | bigint | boolean | Value[];

interface Message {
  type: number;
  serial: number;
  member: string;
  body: Value[];
}

const CALL = 1;
const RETURN = 2;
const ERROR = 3;
const SIGNAL = 4;
const PATH = "/org/freedesktop/systemd1";

/** Reads values by a signature. */
class Reader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  align(size: number): void {
    this.at = Math.ceil(this.at / size) * size;
  }

  #number(size: 1 | 2 | 4): number {
    this.align(size);
    const value = this.#bytes.readUIntLE(this.at, size);
    this.at += size;
    return value;
  }

  #text(length: number): string {
    const text = this.#bytes.toString("utf8", this.at, this.at + length);
    this.at += length + 1;
    return text;
  }

  signature(): string {
    return this.#text(this.#number(1));
  }

  value(type: string): Value {
    switch (type[0]) {
      case "y":
        return this.#number(1);
      case "b":
        return this.#number(4) !== 0;
      case "n":
      case "q":
        return this.#number(2);
      case "i":
      case "u":
        return this.#number(4);
      case "t":
      case "x":
      case "d": {
        this.align(8);
        this.at += 8;
        if (type[0] === "d") return this.#bytes.readDoubleLE(this.at - 8);
        return this.#bytes.readBigUInt64LE(this.at - 8);
      }
      case "s":
      case "o":
        return this.#text(this.#number(4));
      case "g":
        return this.signature();
      case "v": {
        const inner = this.signature();
        return [inner, this.value(inner)];
      }
      case "(":
        this.align(8);
        return this.values(type.slice(1, -1));
      case "a": {
        const length = this.#number(4);
        const element = type.slice(1);
        this.align("xtd({".includes(element[0]!) ? 8 : 1);
        const end = this.at + length;
        const list: Value[] = [];
        while (this.at < end) list.push(this.value(element));
        return list;
      }
    }
    throw new Error(`type ${type}`);
  }

  values(signature: string): Value[] {
    return types(signature).map((type) => this.value(type));
  }
}

/** A signature's whole types. */
function types(signature: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < signature.length; i++) {
    if (signature[i] === "(") depth++;
    if (signature[i] === ")") depth--;
    if (depth > 0 || signature[i] === "a") continue;
    found.push(signature.slice(start, i + 1));
    start = i + 1;
  }
  return found;
}

const aligned = (bytes: Buffer, size: number): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(-bytes.length & (size - 1))]);

function put(bytes: Buffer, type: string, value: Value): Buffer {
  const u32 = (number: number) => {
    const four = Buffer.alloc(4);
    four.writeUInt32LE(number);
    return four;
  };
  const text = Buffer.from(`${value as string}\0`);
  if (type === "u") return Buffer.concat([aligned(bytes, 4), u32(value as number)]);
  if (type === "g") return Buffer.concat([bytes, Buffer.from([text.length - 1]), text]);
  if (type === "v") {
    const [inner, held] = value as [string, Value];
    return put(put(bytes, "g", inner), inner, held);
  }
  return Buffer.concat([aligned(bytes, 4), u32(text.length - 1), text]);
}

/** A message of bytes, with header fields by their numbers. */
export function message(
  type: number,
  serial: number,
  fields: [number, string, Value][],
  signature: string,
  body: Value[],
): Buffer {
  let content: Buffer = Buffer.alloc(0);
  for (const [index, one] of types(signature).entries()) content = put(content, one, body[index]!);
  let header: Buffer = Buffer.alloc(16);
  header.write("l", 0);
  header[1] = type;
  header[3] = 1;
  header.writeUInt32LE(content.length, 4);
  header.writeUInt32LE(serial, 8);
  const all: [number, string, Value][] = signature === "" ? fields : [...fields, [8, "g", signature]];
  for (const [code, kind, value] of all) {
    header = Buffer.concat([aligned(header, 8), Buffer.from([code])]);
    header = put(put(header, "g", kind), kind, value);
  }
  header.writeUInt32LE(header.length - 16, 12);
  return Buffer.concat([aligned(header, 8), content]);
}

/** Hierarchies of control groups that systemd makes groups in; the host's. */
function hierarchies(): string[] {
  return readFileSync("/proc/self/mountinfo", "latin1")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line) && !/cpuset|freezer/.test(line))
    .map((line) => line.split(" ")[4]!);
}

/** a-b.slice lies in a.slice. */
function slicePath(slice: string): string {
  const words = slice.replace(/\.slice$/, "").split("-");
  return words.map((_, index) => `${words.slice(0, index + 1).join("-")}.slice`).join("/");
}

export interface Call {
  member: string;
  body: Value[];
}

export class SystemdBus {
  readonly calls: Call[] = [];
  readonly path: string;
  /** What is said in place of systemd's answer; undefined: that one. */
  answers: (call: Call, serial: number) => Buffer | undefined = () => undefined;
  /** Its own group. */
  root = "/";
  /** How jobs end. */
  result = "done";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #units = new Map<string, string>();
  #jobs = 0;

  constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.path, resolve));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    rmSync(this.path, { force: true });
    for (const name of this.#units.keys()) this.#remove(name);
  }

  #serve(socket: Socket): void {
    let kept: Buffer = Buffer.alloc(0);
    let authenticated = false;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (data: Buffer) => {
      kept = Buffer.concat([kept, data]);
      while (!authenticated) {
        const end = kept.indexOf("\r\n");
        if (end < 0) return;
        const line = kept.toString("latin1", 0, end).replace(/^\0/, "");
        kept = kept.subarray(end + 2);
        if (line === "BEGIN") authenticated = true;
        else if (line.startsWith("NEGOTIATE")) socket.write("ERROR\r\n");
        else if (line === "AUTH EXTERNAL") socket.write("DATA\r\n");
        else if (line === "DATA" || line.startsWith("AUTH EXTERNAL "))
          socket.write(`OK ${"0".repeat(32)}\r\n`);
        else socket.write("REJECTED EXTERNAL\r\n");
      }
      for (;;) {
        if (kept.length < 16) return;
        const length = Math.ceil((16 + kept.readUInt32LE(12)) / 8) * 8 + kept.readUInt32LE(4);
        if (kept.length < length) return;
        this.#take(socket, kept.subarray(0, length));
        kept = kept.subarray(length);
      }
    });
  }

  #take(socket: Socket, bytes: Buffer): void {
    const { type, serial, member, body } = parse(bytes);
    if (type !== CALL) return;
    const call = { member, body };
    this.calls.push(call);
    const other = this.answers(call, serial);
    if (other !== undefined) {
      socket.write(other);
      return;
    }
    const answer = (signature: string, values: Value[]) =>
      socket.write(message(RETURN, 1, [[5, "u", serial]], signature, values));
    const refuse = (name: string, text: string) =>
      socket.write(
        message(
          ERROR,
          1,
          [
            [4, "s", `org.freedesktop.systemd1.${name}`],
            [5, "u", serial],
          ],
          "s",
          [text],
        ),
      );
    const unit = body[0] as string;
    switch (member) {
      case "Hello":
        answer("s", [":1.1"]);
        return;
      case "Get":
        answer("v", [["s", body[1] === "Version" ? "257.7-1" : this.root]]);
        return;
      case "StartTransientUnit":
        if (this.#units.has(unit)) {
          refuse("UnitExists", `Unit ${unit} already exists.`);
          return;
        }
        if (this.result === "done") this.#make(unit, body[2] as [string, [string, Value]][]);
        this.#job(unit, answer);
        return;
      case "StopUnit":
        if (!this.#units.has(unit)) {
          refuse("NoSuchUnit", `Unit ${unit} not loaded.`);
          return;
        }
        this.#remove(unit);
        this.#job(unit, answer);
        return;
      default:
        answer("", []);
    }
  }

  #job(unit: string, answer: (signature: string, values: Value[]) => void): void {
    const path = `${PATH}/job/${++this.#jobs}`;
    answer("o", [path]);
    const fields: [number, string, Value][] = [
      [1, "o", PATH],
      [2, "s", "org.freedesktop.systemd1.Manager"],
      [3, "s", "JobRemoved"],
    ];
    const signal = message(SIGNAL, 2, fields, "uoss", [this.#jobs, path, unit, this.result]);
    for (const socket of this.#sockets) if (!socket.destroyed) socket.write(signal);
  }

  #make(unit: string, properties: [string, [string, Value]][]): void {
    const found = new Map(properties.map(([name, [, value]]) => [name, value]));
    const below = join(this.root.slice(1), slicePath(found.get("Slice") as string), unit);
    this.#units.set(unit, below);
    for (const root of hierarchies()) {
      const path = join(root, below);
      mkdirSync(path, { recursive: true });
      for (const pid of found.get("PIDs") as number[]) writeFileSync(join(path, "cgroup.procs"), String(pid));
    }
  }

  #remove(unit: string): void {
    const below = this.#units.get(unit)!;
    this.#units.delete(unit);
    for (const root of hierarchies())
      for (let path = below; path !== "."; path = join(path, ".."))
        try {
          if (existsSync(join(root, path))) rmdirSync(join(root, path));
        } catch {
          break; // others are in it
        }
  }
}

function parse(bytes: Buffer): Message {
  const fields = new Map<number, Value>();
  const reader = new Reader(bytes, 16);
  const end = 16 + bytes.readUInt32LE(12);
  while (reader.at < end) {
    reader.align(8);
    const code = bytes[reader.at++]!;
    fields.set(code, reader.value(reader.signature()));
  }
  reader.align(8);
  const body = new Reader(bytes.subarray(reader.at)).values((fields.get(8) as string) ?? "");
  return { type: bytes[1]!, serial: bytes.readUInt32LE(8), member: fields.get(3) as string, body };
}
