// Scenes that do not work here yet, by their names, with what is said instead. One that begins to work fails until it is
// taken out.

/** A debug container sees all processes of its pod, with the pod's numbers rather than its target's. */
const TARGETS = /can't open '\/proc\/1\/comm'/;

export const WAITING: ReadonlyMap<string, RegExp> = new Map([
  ["a container for finding faults, in the processes of another one", TARGETS],
]);
