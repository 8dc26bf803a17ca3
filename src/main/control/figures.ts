// The answer to `metrics`: what a sandbox's kernel threads have counted, what its network devices have moved, and what of it
// is whose, of a pod for all of its containers. One request has all of that, since it is made of every sandbox of a host
// again and again. Nothing is counted for it: it is looked at when somebody asks.

import type { ContainerKernel } from "../container/kernel_view.ts";
import type { Control } from "./methods.ts";

interface Member {
  readonly kernel: ContainerKernel;
  readonly container: { readonly spec: { readonly id: string }; readonly status: string };
}

async function ofContainer({ kernel, container }: Member) {
  const { tasks, tasksLimit, netDev } = await kernel.usage();
  return { id: container.spec.id, status: container.status, tasks, tasksLimit, netDev };
}

export async function figures({ kernel, container, pod }: Pick<Control, "kernel" | "container" | "pod">) {
  const members: Member[] = container === undefined ? [] : [{ kernel, container }, ...(pod?.members ?? [])];
  const [counters, threads, containers] = await Promise.all([
    kernel.counters(),
    kernel.threads(),
    Promise.all(members.map(ofContainer)),
  ]);
  return {
    counters,
    threads,
    // The network is that of all of them.
    netDev: containers[0]?.netDev ?? "",
    containers: containers.map(({ netDev: _same, ...told }) => told),
  };
}
