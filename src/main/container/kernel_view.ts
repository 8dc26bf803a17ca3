// The kernel as one of its containers has it: requests that are about a container are about this one.

import type { KernelApi } from "../../shared/process_spec.ts";

type Rest<Method> = Method extends (container: number, ...rest: infer R) => infer Result
  ? (...rest: R) => Result
  : never;

type OfContainer =
  | "prepare"
  | "remove"
  | "start"
  | "startHook"
  | "usage"
  | "signal"
  | "limit"
  | "pause"
  | "resume";

export type ContainerKernel = Omit<KernelApi, OfContainer> & {
  [Name in OfContainer]: Rest<KernelApi[Name]>;
};

/** `number`: 0 for the sandbox's first, which is there from the start. */
export function kernelOf(api: KernelApi, number: number): ContainerKernel {
  return {
    ...api,
    prepare: (spec) => api.prepare(number, spec),
    remove: () => api.remove(number),
    start: (spec, streams) => api.start(number, spec, streams),
    startHook: (spec, input) => api.startHook(number, spec, input),
    usage: () => api.usage(number),
    signal: (pid, signo) => api.signal(number, pid, signo),
    limit: (limits) => api.limit(number, limits),
    pause: () => api.pause(number),
    resume: () => api.resume(number),
  };
}
