// Traces for tests: programs that are traced, files of sessions, and a reader (trace_reader.c).

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../spawn.ts";

export type Event = Record<string, unknown> & { point: string; seq: number };

/** A message as the reader has printed it. */
export interface Message {
  kind: number;
  sequence: number;
  time: bigint;
  lost: number;
  content: Record<string, unknown>;
}

const READY_MS = 10_000;

/** A directory with the programs, and whatever a test puts there. */
export class Traced {
  readonly directory: string = mkdtempSync("/tmp/ringfence-traced-");
  readonly guest: string = this.path("guest");
  readonly #readers: Reader[] = [];

  constructor() {
    for (const [name, source] of [
      ["guest", "trace_guest.c"],
      ["reader", "trace_reader.c"],
    ] as const)
      execFileSync("gcc", [
        "-static",
        "-O1",
        "-D_GNU_SOURCE",
        "-w",
        "-o",
        this.path(name),
        join(import.meta.dirname, source),
        "-lpthread",
      ]);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** A session's file. */
  session(name: string, content: object): string {
    const path = this.path(`${name}.json`);
    writeFileSync(path, JSON.stringify({ name, ...content }));
    return path;
  }

  /** The lines that a sink has been given. */
  events(name: string): Event[] {
    return readFileSync(this.path(name), "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Event);
  }

  async reader(socket: string, version?: string): Promise<Reader> {
    const reader = new Reader(this.path("reader"), [
      this.path(socket),
      ...(version === undefined ? [] : [version]),
    ]);
    this.#readers.push(reader);
    if (!(await eventually(() => reader.said.startsWith("listening\n"), READY_MS)))
      throw new Error("the reader does not listen");
    return reader;
  }

  end(): void {
    for (const reader of this.#readers) reader.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export class Reader {
  readonly process: ChildProcess;
  said = "";

  constructor(program: string, args: string[]) {
    this.process = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.process.stdout!.on("data", (bytes: Buffer) => {
      this.said += bytes.toString("utf8");
    });
  }

  /** Whole lines that are messages. */
  get messages(): Message[] {
    const lines = this.said.split("\n").slice(0, -1);
    return lines.flatMap((line) => {
      const [, kind, sequence, time, lost, text] = /^(\d+) (\d+) (\d+) (\d+) (.*)$/.exec(line) ?? [];
      if (text === undefined) return [];
      return [
        {
          kind: Number(kind),
          sequence: Number(sequence),
          time: BigInt(time!),
          lost: Number(lost),
          content: JSON.parse(text) as Record<string, unknown>,
        },
      ];
    });
  }

  /** Of messages those that are events. */
  get events(): Event[] {
    return this.messages.filter(({ kind }) => kind < 0x100).map(({ content }) => content as Event);
  }

  /** It reads no more, or goes on. */
  stop(isStopped: boolean): void {
    this.process.kill(isStopped ? "SIGUSR1" : "SIGUSR2");
  }

  kill(): void {
    this.process.kill("SIGKILL");
  }
}

/** The bytes of a string as an event tells it. */
export function bytesOf(told: unknown): string {
  if (typeof told === "string") return Buffer.from(told, "utf8").toString("latin1");
  return Buffer.from((told as { base64: string }).base64, "base64").toString("latin1");
}
