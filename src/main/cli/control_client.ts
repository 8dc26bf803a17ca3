// Requests to a sandbox's control socket from Node (docs/process-model.md, "Control protocol"). What the sandbox says is
// not to be trusted: answers are bounded, and whoever asks checks them.

import { connect, type Socket } from "node:net";
import { CommandError } from "./command_error.ts";

const LINE_MAX = 1 << 20;
/** How long a kernel that lives may take for an answer. */
const ANSWER_MS = 10_000;

interface Asked {
  resolve(result: unknown): void;
  reject(error: CommandError): void;
}

export class ControlClient {
  readonly #socket: Socket;
  readonly #asked = new Map<number, Asked>();
  #received = "";
  #lastId = 0;
  #isOpen = true;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
  }

  /** Resolves to null where nobody listens. */
  static connect(path: string): Promise<ControlClient | null> {
    return new Promise((resolve) => {
      const socket = connect(path, () => {
        socket.off("error", refused);
        resolve(new ControlClient(socket));
      });
      const refused = () => resolve(null);
      socket.once("error", refused);
    });
  }

  /** Resolves to the result; rejects with the sandbox's words, or with "" where it has gone. */
  ask(method: string, params?: object): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) return reject(new CommandError(""));
      this.#asked.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  /** As ask, of what is answered at once. */
  async askSoon(method: string, params?: object): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new CommandError("the container's kernel does not answer")), ANSWER_MS);
    });
    try {
      return await Promise.race([this.ask(method, params), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  #end(): void {
    this.#isOpen = false;
    for (const { reject } of this.#asked.values()) reject(new CommandError(""));
    this.#asked.clear();
  }

  #take(text: string): void {
    const lines = (this.#received + text).split("\n");
    this.#received = lines.pop()!;
    if (this.#received.length > LINE_MAX || !lines.every((line) => this.#answered(line))) this.close();
  }

  /** False: that is no answer. */
  #answered(line: string): boolean {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return false;
    }
    const { id, result, error } = (value ?? {}) as { id?: unknown; result?: unknown; error?: unknown };
    const asked = this.#asked.get(id as number);
    if (asked === undefined) return true; // an event
    this.#asked.delete(id as number);
    if (error === undefined) asked.resolve(result);
    else asked.reject(new CommandError(String((error as { message?: unknown } | null)?.message)));
    return true;
  }
}
