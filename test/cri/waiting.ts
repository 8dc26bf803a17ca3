// Scenes that do not work here yet, by their names, with what is said instead.

/** Pods: all containers of one in one sandbox. */
const PODS = /the (ipc|pid) namespace of another process cannot be joined/;

export const WAITING: ReadonlyMap<string, RegExp> = new Map([
  ["names: of the host, of servers for names, and hosts", PODS],
  ["a pod's container has the pod's address, and is reached by it", PODS],
  ["a port of the host's leads to one of the pod's", PODS],
  ["a pod in the host's network", PODS],
  ["settings of the kernel's for a pod", PODS],
]);
