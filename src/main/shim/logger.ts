// Programs that log what a container writes (binary:// URIs; containerd's "Logging" of runtime v2): standard output is
// their descriptor 3, standard error 4, and they close 5 when they are ready.

import { accessSync, closeSync, constants, openSync } from "node:fs";
import { type Addon, READABLE } from "./addon.ts";
import type { Children } from "./children.ts";
import { type Owner, StdioError } from "./stdio.ts";

const READY_MS = 10_000;

/** Whether what has the other end of a pipe closes it, or writes to it, in time. */
function isSoon(addon: Addon, fd: number): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (is: boolean) => {
      clearTimeout(timer);
      addon.pollStop(poll);
      resolve(is);
    };
    const timer = setTimeout(() => done(false), READY_MS);
    const poll = addon.pollStart(fd, READABLE, () => done(true));
  });
}

/** Throws where it names no program. */
function wordsOf(uri: string, owner: Owner): string[] {
  const url = new URL(uri);
  const program = decodeURIComponent(url.pathname);
  accessSync(program, constants.X_OK);
  const words = ["env", `CONTAINER_ID=${owner.id}`, `CONTAINER_NAMESPACE=${owner.namespace}`, program];
  for (const [name, value] of url.searchParams) words.push(...(value === "" ? [name] : [name, value]));
  return words;
}

/** Starts it; what is to be written to it, or a StdioError. */
export async function startLogger(
  addon: Addon,
  children: Children,
  uri: string,
  owner: Owner,
): Promise<[stdout: number, stderr: number]> {
  const words = wordsOf(uri, owner);
  const pipes: number[] = [];
  const close = (...fds: number[]) => {
    for (const fd of fds) closeSync(fd);
  };
  for (let i = 0; i < 3; i++) {
    const pipe = addon.pipe();
    if (typeof pipe === "number") {
      close(...pipes);
      throw new StdioError("there is no pipe for a program that logs");
    }
    pipes.push(...pipe);
  }
  const [out, outWriting, err, errWriting, ready, readyWriting] = pipes as [number, ...number[]] as number[];
  const nothing = openSync("/dev/null", "r+");
  const descriptors = [nothing, nothing, nothing, out!, err!, readyWriting!];
  const since = children.reaped;
  const pid = children.spawn("/usr/bin/env", words, descriptors, "/");
  close(nothing, out!, err!, readyWriting!);
  if (pid > 0) void children.end(pid, since);
  const isReady = pid > 0 && (await isSoon(addon, ready!));
  close(ready!);
  if (isReady) return [outWriting!, errWriting!];
  close(outWriting!, errWriting!);
  throw new StdioError(`the program that is to log does not say that it is ready: ${uri}`);
}
