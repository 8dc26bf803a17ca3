// What becomes of a change that was asked for: 0, a negative errno, or an errno with Linux's words for it.

export interface Refusal {
  /** Negative. */
  readonly error: number;
  readonly text: string;
  /** Where in the request the attribute begins that is to blame. */
  readonly offset?: number;
}

export type Outcome = number | Refusal;

export function refuse(error: number, text: string): Refusal {
  return { error: -error, text };
}

export function errorOf(outcome: Outcome): number {
  return typeof outcome === "number" ? outcome : outcome.error;
}
