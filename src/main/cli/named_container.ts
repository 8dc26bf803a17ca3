// Which container a command is about: its id, or a process of its sandbox as the host numbers it.

import { readFileSync } from "node:fs";
import { CommandError } from "./command_error.ts";
import { type ContainerState, findSandbox, listSandboxes } from "./state_directory.ts";

export interface ContainerWords {
  id?: string;
  root?: string;
  pid?: string;
}

/** Ancestors of a process that are looked at. */
const GENERATIONS_MAX = 64;

/** 0: there is no such process. */
function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}

/** The container in whose sandbox a process of the host is. */
function containerOf(command: string, root: string | undefined, pid: number): string {
  const inits = new Map<number, string>();
  // Of several with one init the first stands for all: containers of a pod, kernels of a group.
  for (const { id, init } of listSandboxes(root)) if (!inits.has(init)) inits.set(init, id);
  for (let at = pid, generation = 0; at > 1 && generation < GENERATIONS_MAX; generation++) {
    const id = inits.get(at);
    if (id !== undefined) return id;
    at = parentOf(at);
  }
  throw new CommandError(`${command}: process ${pid} is in no container's sandbox`);
}

/** The one that a command line names, by its id or by a process. Throws a CommandError. */
export function namedContainer(command: string, { id, root, pid }: ContainerWords): ContainerState {
  if ((id === undefined) === (pid === undefined))
    throw new CommandError(`${command}: name a container, or a process of its sandbox with --pid`);
  if (pid === undefined) return findSandbox(root, String(id));
  if (!/^[1-9]\d{0,8}$/.test(pid))
    throw new CommandError(`${command}: --pid is a number of a process: ${pid}`);
  return findSandbox(root, containerOf(command, root, Number(pid)));
}
