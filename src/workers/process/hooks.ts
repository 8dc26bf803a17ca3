// Programs of the container's own that run before its first process (startContainer hooks): started as those from outside
// are, but what they read is given and what they write is kept, the end of it.

import * as F from "../../shared/abi/fcntl.ts";
import { POLLOUT, POLLWRNORM } from "../../shared/abi/poll.ts";
import type { HookOutput, ProcessSpec } from "../../shared/process_spec.ts";
import type { StartError } from "../../shared/start_error.ts";
import type { Caller } from "../call/caller.ts";
import { OpenFile } from "../vfs/file.ts";
import type { Inode } from "../vfs/inode.ts";
import { PipeFile } from "../vfs/pipe.ts";
import type { SupervisorContext } from "./context.ts";
import { comesLater, startProgram } from "./start.ts";
import type { GuestContainer } from "./thread_group.ts";

const KEPT_MAX = 4096;

/** Looks like a pipe, and takes everything. */
class KeptOutput extends OpenFile {
  readonly isStream = true;
  #end = Buffer.alloc(0);

  constructor(inode: Inode) {
    super(F.O_WRONLY);
    this.inode = inode;
  }

  get text(): string {
    return this.#end.toString("latin1");
  }

  override write(task: Caller, offset: number, length: number): number {
    const at = task.call.base + offset;
    const written = Buffer.from(task.call.bytes.slice(at, at + length));
    this.#end = Buffer.from(Buffer.concat([this.#end, written]).subarray(-KEPT_MAX));
    return length;
  }

  poll(): number {
    return POLLOUT | POLLWRNORM;
  }

  override describe(): string {
    return `pipe:[${this.inode!.ino}]`;
  }

  release(): void {}
}

/** A pipe that holds all of it and that nobody writes to, or a negative errno. */
function pipeOf(kernel: SupervisorContext, text: string): PipeFile | number {
  const { pipes, users, rootCredentials: credentials } = kernel;
  const pipe = pipes.create(credentials, users);
  if (typeof pipe === "number") return pipe;
  const file = new PipeFile(pipe, kernel.anonymous.pipe(credentials), F.O_RDONLY);
  const bytes = Buffer.from(text, "latin1");
  let error = pipes.resize({ kernel, credentials }, pipe, Math.max(bytes.length, 65_536));
  if (error >= 0) error = pipes.write(pipe, bytes, 0, bytes.length, false);
  if (error >= 0) return file;
  file.release();
  return error;
}

/** Those that run, or whose output nobody has asked for. */
export class Hooks {
  readonly #kernel: SupervisorContext;
  readonly #outputs = new Map<number, readonly [KeptOutput, KeptOutput]>();

  constructor(kernel: SupervisorContext) {
    this.#kernel = kernel;
  }

  start(
    container: GuestContainer,
    spec: ProcessSpec,
    input: string,
    told: (error: number) => void,
  ): number | StartError {
    const kernel = this.#kernel;
    const kept = () => new KeptOutput(kernel.anonymous.pipe(kernel.rootCredentials));
    const stdin = pipeOf(kernel, input);
    if (typeof stdin === "number") return { subject: "program", name: spec.args[0]!, errno: -stdin };
    const outputs = [kept(), kept()] as const;
    const pid = startProgram(kernel, container, spec, [stdin, ...outputs], (error) => {
      if (error < 0) this.#outputs.delete(pid as number);
      told(error);
    });
    if (typeof pid === "number") this.#outputs.set(pid, outputs);
    else if (comesLater(pid)) for (const file of [stdin, ...outputs]) file.release();
    return pid;
  }

  end(pid: number): HookOutput {
    const outputs = this.#outputs.get(pid);
    this.#outputs.delete(pid);
    return { stdout: outputs?.[0].text ?? "", stderr: outputs?.[1].text ?? "" };
  }
}
