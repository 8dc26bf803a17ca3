// What the bench tells in one line: a command line that is wrong, a program that cannot be built or run.

export class BenchError extends Error {
  override readonly name = "BenchError";
}
