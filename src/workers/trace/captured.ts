// What is kept of a call from its beginning to its end. Slots are hostile: everything is read once, and bounded. A thread of the
// same process may change what pointers lead to before the call's handler reads it: where the kernel knows the outcome (the
// file that was opened, the peer of a socket), that is what is told of a call that succeeds (fields.ts).

import { pieceArguments } from "../../shared/abi/marshal.ts";
import { syscallByNumber } from "../../shared/abi/syscalls.ts";
import * as L from "../../shared/ring/layout.ts";
import type { Call } from "../call/call.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { Task } from "../process/task.ts";
import type { OpenFile } from "../vfs/file.ts";

const ARGUMENTS = 6;
const ADDRESS_MAX = 128;
const LITTLE_ENDIAN = true;

export class Captured {
  readonly nr: number;
  /** Argument registers, low and high halves in turn. */
  readonly words = new Int32Array(2 * ARGUMENTS);
  readonly before: Credentials;
  /** Of the pieces that the stub has copied, by their arguments: strings, as byte strings. */
  readonly strings: (string | undefined)[] = [];
  /** A socket's address, as it was given. */
  address: Uint8Array | null = null;
  /** The file that its first argument names, of calls with an address: another may stand there when they are over. */
  readonly file: OpenFile | undefined;
  /** Told already: it may be made again behind a handler, or never. */
  isTold = false;
  isRawTold = false;
  /** Whom accept has found; null: nobody yet, or nobody knows. */
  peer: string | null = null;
  /** Flags and permissions that stand in memory (openat2). */
  how: { readonly flags: number; readonly mode: number } | null = null;

  constructor(call: Call) {
    const { frame } = call;
    this.nr = call.nr;
    for (let i = 0; i < ARGUMENTS; i++) {
      this.words[2 * i] = frame.argumentLow(i);
      this.words[2 * i + 1] = frame.argumentHigh(i);
    }
    this.before = call.caller.credentials;
    this.#readPieces(call);
    this.file = this.address === null ? undefined : (call.caller as Task).files.get(this.int(0));
  }

  #readPieces(call: Call): void {
    const entry = syscallByNumber(this.nr);
    if (entry === undefined) return;
    for (const [piece, index] of pieceArguments(entry).entries()) {
      const argument = entry.arguments[index]!;
      if (argument.extent?.type === "cstring") {
        const text = call.inString(piece as 0 | 1);
        if (typeof text === "string") this.strings[index] = text;
      } else if (argument.format === "sockaddr") {
        const length = Math.min(call.inLength(piece), ADDRESS_MAX);
        const at = call.base + (piece === 0 ? L.WINDOW : L.WINDOW_SECOND);
        this.address = call.bytes.slice(at, at + length);
      } else if (entry.name === "openat2" && call.inLength(piece) >= 16) {
        const at = call.base + (piece === 0 ? L.WINDOW : L.WINDOW_SECOND);
        this.how = {
          flags: call.view.getInt32(at, LITTLE_ENDIAN),
          mode: call.view.getInt32(at + 8, LITTLE_ENDIAN),
        };
      }
    }
  }

  int(index: number): number {
    return this.words[2 * index]!;
  }

  /** All registers, in hex. */
  get registers(): string[] {
    return Array.from({ length: ARGUMENTS }, (_none, i) => {
      const high = this.words[2 * i + 1]! >>> 0;
      const low = this.words[2 * i]! >>> 0;
      return high === 0
        ? `0x${low.toString(16)}`
        : `0x${high.toString(16)}${low.toString(16).padStart(8, "0")}`;
    });
  }
}
