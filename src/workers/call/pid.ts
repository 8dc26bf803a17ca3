// What processes, threads, process groups and sessions are called (pid_namespaces(7)), for rooms that keep such a name
// and tell it: it is a number in its PID namespace, and another in each namespace above. Whoever keeps who did something
// keeps this, and makes a number of it for whoever asks.

/** A PID namespace, as a place that numbers are told in. */
export interface PidSpace {
  /** How many are above it. */
  readonly level: number;
}

export interface PidNumbers {
  /** In the namespace that it was made in. */
  readonly number: number;
  /** In the sandbox's first one, in which all have numbers: what logs say. */
  readonly first: number;
  /** In that one; 0: it is not to be seen there. */
  in(space: PidSpace): number;
}
