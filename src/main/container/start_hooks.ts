// startContainer hooks: programs of the container's own that run before its first process, one after the other, with the
// container's state on their standard input (runtime-spec, "StartContainer Hooks"). They are the container's process in
// everything but the program, the environment and the streams.

import { errnoText } from "../../shared/abi/errno_text.ts";
import { SIGKILL } from "../../shared/abi/signal.ts";
import type { ContainerSpec, HookSpec } from "../../shared/container_spec.ts";
import type { ProcessSpec } from "../../shared/process_spec.ts";
import type { ContainerKernel } from "./kernel_view.ts";

const STOPPED = 0x7f;
const MS = 1000;

function processOf({ process }: ContainerSpec, { path, args, env }: HookSpec): ProcessSpec {
  return {
    ...process,
    program: path,
    args: args.length > 0 ? args : [path],
    env: env ?? process.env,
    terminal: false,
    closedStreams: 0,
    container: { ...process.container!, isFirst: false, affinity: null },
  };
}

async function statusOf(kernel: ContainerKernel, pid: number): Promise<number> {
  for (;;) {
    const status = await kernel.wait(pid);
    if ((status & 0xff) !== STOPPED) return status;
  }
}

/** Null, or what is wrong with it, in runc's words. */
async function runHook(
  kernel: ContainerKernel,
  spec: ProcessSpec,
  state: string,
  seconds: number,
): Promise<string | null> {
  const pid = await kernel.startHook(spec, state);
  if (typeof pid !== "number") return `fork/exec ${pid.name}: ${errnoText(pid.errno).toLowerCase()}`;
  let isLate = false;
  const late = () => {
    isLate = true;
    void kernel.signal(pid, SIGKILL);
  };
  const timer = seconds > 0 ? setTimeout(late, seconds * MS) : undefined;
  const status = await statusOf(kernel, pid);
  clearTimeout(timer);
  const { stdout, stderr } = await kernel.endHook(pid);
  if (isLate) return `hook ran past specified timeout of ${seconds.toFixed(1)}s`;
  if (status === 0) return null;
  const end = (status & 0x7f) !== 0 ? `signal: ${status & 0x7f}` : `exit status ${status >> 8}`;
  return `${end}, stdout: ${stdout}, stderr: ${stderr}`;
}

/** Runs them all: null, or what is wrong with the first that fails. `isOver`: no more are to be started. */
export async function runStartHooks(
  kernel: ContainerKernel,
  spec: ContainerSpec,
  isOver: () => boolean,
): Promise<string | null> {
  for (const [index, hook] of spec.startHooks.entries()) {
    const wrong = await runHook(kernel, processOf(spec, hook), spec.startState, hook.timeout);
    if (wrong !== null) return `error running startContainer hook #${index}: ${wrong}`;
    if (isOver()) return "the container was killed";
  }
  return null;
}
