// Requests to a sandbox's control socket from Node (docs/process-model.md, "Control protocol"). What the sandbox says is
// not to be trusted: answers are bounded, and whoever asks checks them.

import { connect, Socket } from "node:net";
import { CommandError } from "./command_error.ts";

const LINE_MAX = 1 << 20;
/** How long a kernel that lives may take for an answer. */
const ANSWER_MS = 10_000;
/** Lines that nobody has asked for, from one answer to the next: a kernel that lives sends none. */
const UNASKED_MAX = 64;
/** Bytes of requests that a kernel may leave unread. */
const UNREAD_MAX = 1 << 20;
const SILENT = "the container's kernel does not answer";

interface Asked {
  resolve(result: unknown): void;
  reject(error: CommandError): void;
}

/** How connect(2) fails where nobody listens. */
const NOBODY: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT", "ENOTDIR"]);

export class ControlClient {
  readonly #socket: Socket;
  readonly #asked = new Map<number, Asked>();
  #received = "";
  #lastId = 0;
  #unasked = 0;
  #isOpen = true;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("end", () => this.#end());
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
    this.#settle();
  }

  /** By a connection that is there already. */
  static over(fd: number): ControlClient {
    return new ControlClient(new Socket({ fd }));
  }

  /** It was closed because of what came. */
  isNonsense = false;
  /** An event has come by which the sandbox says that its last answer is no more so. */
  hasMoved = false;

  /** The sandbox has gone, as far as that is known: what is not asked is not listened to. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves to null where nobody listens; `onLate` is called before that if somebody does who takes nobody up just now. */
  static connect(path: string, onLate: () => void = () => {}): Promise<ControlClient | null> {
    return new Promise((resolve) => {
      const socket = connect(path, () => {
        socket.off("error", refused);
        resolve(new ControlClient(socket));
      });
      const refused = ({ code }: NodeJS.ErrnoException) => {
        if (!NOBODY.has(code ?? "")) onLate();
        resolve(null);
      };
      socket.once("error", refused);
    });
  }

  /** Resolves to the result; rejects with the sandbox's words, or with "" where it has gone. */
  ask(method: string, params?: object): Promise<unknown> {
    return this.#ask(++this.#lastId, method, params);
  }

  /** As ask, of what is answered at once. */
  async askSoon(method: string, params?: object, withinMs = ANSWER_MS): Promise<unknown> {
    const id = ++this.#lastId;
    const timer = setTimeout(() => {
      this.#asked.get(id)?.reject(new CommandError(SILENT));
      this.#asked.delete(id);
      this.#settle();
    }, withinMs);
    try {
      return await this.#ask(id, method, params);
    } finally {
      clearTimeout(timer);
    }
  }

  #ask(id: number, method: string, params: object | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) return reject(new CommandError(""));
      if (this.#socket.writableLength > UNREAD_MAX) return reject(new CommandError(SILENT));
      this.#asked.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
      this.#socket.resume();
    });
  }

  /** Reads what has come, while nothing is asked, until `ignore`, which is to follow after two turns of the event loop. */
  listen(): void {
    if (this.#isOpen) this.#socket.resume();
  }

  ignore(): void {
    this.#settle();
  }

  /** Nothing is read while nothing is asked: whoever sends all the same waits. */
  #settle(): void {
    if (this.#asked.size === 0) this.#socket.pause();
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
    if (this.#received.length > LINE_MAX || !lines.every((line) => this.#answered(line))) {
      this.isNonsense = true;
      this.close();
    }
    this.#settle();
  }

  /** False: that is no answer, or there are too many that nobody wants. */
  #answered(line: string): boolean {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return false;
    }
    const { id, result, error, event } = (value ?? {}) as Record<string, unknown>;
    if (event === "moved") this.hasMoved = true;
    const asked = this.#asked.get(id as number);
    if (asked === undefined) return this.#asked.size > 0 || ++this.#unasked <= UNASKED_MAX;
    this.#asked.delete(id as number);
    this.#unasked = 0;
    if (error === undefined) asked.resolve(result);
    else asked.reject(new CommandError(String((error as { message?: unknown } | null)?.message)));
    return true;
  }
}
