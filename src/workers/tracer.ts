import type { Task } from "./supervisor/task.ts";
import { syscallName } from "../shared/abi/syscalls.ts";
export class Tracer {
  readonly #line: (line: string) => void;
  constructor(line: (line: string) => void) { this.#line = line; }
  enter(task: Task): void { this.#line(`[${task.tid}] ${syscallName(task.nr)}(${[0,1,2,3,4,5].map((i) => task.frame.argumentUnsigned(i).toString(16)).join(", ")})`); }
  leave(task: Task, result: number): void { this.#line(`[${task.tid}] ${syscallName(task.nr)} = ${result}`); }
}
