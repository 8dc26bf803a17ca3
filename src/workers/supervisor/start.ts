// Starting a program from outside: the first of a sandbox, or the one of an `exec`. What execve does
// for a guest, with a fresh task; the program's file and format are looked at before anything is made,
// so that a command that does not exist costs no process.

import { EAGAIN } from "../../shared/abi/errno.ts";
import type { ProcessSpec } from "../../shared/process_spec.ts";
import { slotNumber } from "../../shared/ring/guest_memory.ts";
import type { Kernel } from "../kernel.ts";
import { AddressSpace } from "../mem/address_space.ts";
import { FileTable } from "../vfs/file_table.ts";
import { HostStream } from "../vfs/host_stream.ts";
import { initialCredentials } from "./credentials.ts";
import { loadProgram, openImage, type ProgramImage } from "./exec.ts";
import { limitsFrom } from "./limit_calls.ts";
import { SignalHandlers, SignalState } from "./signals.ts";
import { StubProcess } from "./stub_process.ts";
import { FsState, Task, ThreadGroup } from "./task.ts";

function wordsOf(hex: string): [number, number] {
  const digits = hex.padStart(16, "0");
  return [Number.parseInt(digits.slice(8), 16) | 0, Number.parseInt(digits.slice(0, 8), 16) | 0];
}

/** Returns the program's guest pid or a negative errno. The descriptors are the kernel's from now on. */
export function startProgram(kernel: Kernel, spec: ProcessSpec, stdio: readonly [number, number, number]): number {
  const credentials = initialCredentials(spec.uid, spec.gid, spec.groups, kernel.users);
  const image = openImage(kernel, spec, credentials);
  const result = typeof image === "number" ? image : startTask(kernel, spec, stdio, image, credentials);
  if (result < 0) for (const fd of new Set(stdio)) kernel.native.close(fd);
  return result;
}

function startTask(
  kernel: Kernel,
  spec: ProcessSpec,
  stdio: readonly [number, number, number],
  image: ProgramImage,
  credentials: ReturnType<typeof initialCredentials>,
): number {
  const pid = kernel.pids.allot();
  if (pid < 0) return -EAGAIN;
  const space = new AddressSpace(image.layout);
  const stub = new StubProcess(kernel, space);
  const memfd = kernel.stubs.addChunk(stub);
  if (memfd < 0) {
    kernel.pids.release(pid);
    return memfd;
  }
  const [ignoredLow, ignoredHigh] = wordsOf(spec.ignored);
  const group = new ThreadGroup(kernel, pid, new SignalState(), limitsFrom(spec.rlimits));
  const files = new FileTable(kernel);
  for (const [fd, hostFd] of stdio.entries()) files.installAt(fd, new HostStream(kernel, hostFd));
  const task = new Task(kernel, pid, group, stub, slotNumber(stub.chunks[0]!, 0), {
    files,
    fs: new FsState(spec.umask),
    handlers: new SignalHandlers(ignoredLow, ignoredHigh),
    credentials,
  });
  [task.blockedLow, task.blockedHigh] = wordsOf(spec.blocked);
  group.tasks.push(task);
  group.comm = image.comm;
  kernel.pids.register(group);
  kernel.counters.processes++;
  kernel.counters.programsStarted++;
  kernel.stubs.openSlot(task);
  // The coroutine waits for the new host task to stand in its slot.
  task.start(loadProgram(task, image, spec));
  const error = kernel.stubs.spawn(task, memfd);
  if (error < 0) kernel.abandon(stub, error);
  return error < 0 ? error : pid;
}
