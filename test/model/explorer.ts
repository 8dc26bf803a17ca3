// Explorer of interleavings: runs processes that share memory in every order in which their shared
// accesses can come, and looks for a state that must not be. The processes are plain functions, and
// what they call is the project's own code: while they run, `Atomics` is the explorer's, and the
// arrays they hand out are names of shared variables. So the code itself is checked, not a copy.
//
// How: a process is a function from plain local data to its next local data. Its course is
// determined by the results of its shared accesses, so (local data, results so far) names where it
// stands. To find the access that comes next it is run again from the start with the known results,
// and stopped at the first unknown one. Each such place is computed once and becomes a node of an
// automaton; a state of the whole is one node a process and the values of the shared variables.
//
// Every access is sequentially consistent, one step each; plain reads and writes are steps as well.

/** Local data of a process between two runs of its function: anything JSON can hold. */
export type Local = number | string | boolean | null | { [name: string]: Local } | Local[];

export interface Process {
  readonly name: string;
  readonly start: Local;
  /** Runs until it returns its next local data, or undefined when the process has ended. */
  run(local: Local, steps: Steps): Local | undefined;
}

export interface Model {
  readonly processes: readonly Process[];
  /** Initial values other than zero. */
  readonly initial?: (memory: Memory) => void;
  /** Arrays that nobody writes: reading them is no step. */
  readonly constant?: readonly Shared[];
  /** Says what is wrong with any state; undefined if nothing is. */
  readonly invariant?: (memory: Memory) => string | undefined;
  /** Says what is wrong with a state in which no process can take a step; undefined if nothing is. */
  readonly atRest?: (memory: Memory, ended: readonly boolean[]) => string | undefined;
  /** From every state a state of this kind must be reachable: nothing spins for ever. */
  readonly goal?: (memory: Memory, ended: readonly boolean[]) => boolean;
  readonly maxStates?: number;
}

/** Values of shared variables, for atomic steps of several accesses and for the checks of a model. */
export interface Memory {
  get(array: Shared, index: number): number;
  set(array: Shared, index: number, value: number): void;
}

/** What a process function has beside `Atomics`. */
export interface Steps {
  /** One indivisible step, such as a system call; undefined means that it cannot be taken now. */
  atomic(name: string, step: (memory: Memory) => number | undefined): number;
  /** Bookkeeping of the model: happens together with the step before it. */
  note(name: string, step: (memory: Memory) => number): number;
  /** Explores each of 0 to count - 1. */
  choose(count: number): number;
}

export interface Outcome {
  readonly states: number;
  /** What went wrong, and how it came to that; undefined if nothing did. */
  readonly violation?: string;
  readonly trace?: readonly string[];
}

/** A shared array by name; goes wherever the code under test takes an Int32Array. */
export type Shared = Int32Array;

/** Thrown by a step to report that something is wrong. */
class Violation extends Error {}

export function violation(message: string): never {
  throw new Violation(message);
}

const PAUSE = Symbol("pause");

type Step = (memory: Memory) => number | undefined;

interface Node {
  readonly local: string;
  readonly results: readonly number[];
  /** The step that comes next, or undefined when the process has ended. */
  readonly step: Step | undefined;
  readonly name: string;
  readonly choices: number;
  readonly note: boolean;
  readonly next: Map<number, number>;
  /** The run itself went wrong after the last result. */
  readonly wrong: string | undefined;
}

/** The process whose function runs at the moment: what its accesses do. */
let current: Run | undefined;

interface Pending {
  readonly name: string;
  readonly step: Step;
  readonly choices: number;
  readonly note: boolean;
}

interface Run {
  take(pending: Pending): number;
  /** Value of an element of a constant array; undefined for all others. */
  constant(array: Shared, index: number): number | undefined;
}

const names = new WeakMap<object, string>();

/** Makes a shared array. Reading and writing an element is a step of the running process. */
export function shared(name: string): Shared {
  return makeArray(name, false);
}

/** As shared(), of elements each of which one process alone uses: that goes with the step before it. */
export function owned(name: string): Shared {
  return makeArray(name, true);
}

function makeArray(name: string, note: boolean): Shared {
  const array: Int32Array = new Proxy(Object.create(null) as Int32Array, {
    get: (_target, key) =>
      access(array, Number(key), "read", (memory, index) => memory.get(array, index), note),
    set: (_target, key, value) => {
      const write = (memory: Memory, index: number) => {
        memory.set(array, index, value | 0);
        return 0;
      };
      access(array, Number(key), "write", write, note);
      return true;
    },
  });
  names.set(array, name);
  return array;
}

function access(
  array: Shared,
  index: number,
  verb: string,
  run: (memory: Memory, index: number) => number,
  note = false,
): number {
  if (current === undefined) throw new Error("a shared array was used outside a process");
  const constant = current.constant(array, index);
  if (constant !== undefined) return constant;
  const name = `${verb} ${names.get(array)}[${index}]`;
  return current.take({ name, step: (memory) => run(memory, index), choices: 0, note });
}

function readModifyWrite(verb: string, combine: (old: number, operand: number) => number) {
  return (array: Shared, index: number, operand: number): number =>
    access(array, index, `${verb} ${operand}`, (memory, at) => {
      const old = memory.get(array, at);
      memory.set(array, at, combine(old, operand) | 0);
      return old;
    });
}

const storeOperation = readModifyWrite("store", (_old, value) => value);

/** Stands in for the global Atomics while processes run. */
const ATOMICS = {
  load: (array: Shared, index: number) => access(array, index, "load", (memory, at) => memory.get(array, at)),
  store: (array: Shared, index: number, value: number) => {
    storeOperation(array, index, value);
    return value;
  },
  add: readModifyWrite("add", (old, value) => old + value),
  sub: readModifyWrite("sub", (old, value) => old - value),
  or: readModifyWrite("or", (old, value) => old | value),
  and: readModifyWrite("and", (old, value) => old & value),
  exchange: readModifyWrite("exchange", (_old, value) => value),
  compareExchange: (array: Shared, index: number, expected: number, value: number) =>
    access(array, index, `compare-exchange ${expected} -> ${value}`, (memory, at) => {
      const old = memory.get(array, at);
      if (old === expected) memory.set(array, at, value | 0);
      return old;
    }),
};

const STEPS: Steps = {
  atomic: (name, step) => current!.take({ name, step, choices: 0, note: false }),
  note: (name, step) => current!.take({ name, step, choices: 0, note: true }),
  choose: (count) =>
    current!.take({ name: `choice of ${count}`, step: () => 0, choices: count, note: false }),
};

/** Numbers shared variables in the order of their first use; values live in arrays by that number. */
class Variables {
  readonly #numbers = new Map<string, number>();

  number(array: Shared, index: number): number {
    const key = `${names.get(array)}[${index}]`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(key, number);
    }
    return number;
  }
}

class Values implements Memory {
  readonly #variables: Variables;
  values: number[] = [];

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  get(array: Shared, index: number): number {
    return this.values[this.#variables.number(array, index)] ?? 0;
  }

  set(array: Shared, index: number, value: number): void {
    const number = this.#variables.number(array, index);
    while (this.values.length < number) this.values.push(0);
    this.values[number] = value;
  }
}

class Automaton {
  readonly process: Process;
  readonly nodes: Node[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #constant: (array: Shared, index: number) => number | undefined;

  constructor(process: Process, constant: (array: Shared, index: number) => number | undefined) {
    this.process = process;
    this.#constant = constant;
    this.#enter(JSON.stringify(process.start), []);
  }

  after(number: number, result: number): number {
    const node = this.nodes[number]!;
    let next = node.next.get(result);
    if (next === undefined) {
      next = this.#enter(node.local, [...node.results, result]);
      node.next.set(result, next);
    }
    return next;
  }

  /** Runs the process from its local data with known results up to the first unknown one. */
  #enter(local: string, results: readonly number[]): number {
    let pending: Pending | undefined;
    let used = 0;
    current = {
      take(next) {
        if (used < results.length) return results[used++]!;
        pending = next;
        throw PAUSE;
      },
      constant: this.#constant,
    };
    let ended = false;
    let wrong: string | undefined;
    try {
      const next = this.process.run(JSON.parse(local) as Local, STEPS);
      current = undefined;
      if (next !== undefined) {
        if (results.length === 0) throw new Error(`${this.process.name} runs without a shared access`);
        return this.#enter(JSON.stringify(next), []);
      }
      ended = true;
    } catch (error) {
      if (error instanceof Violation) wrong = error.message;
      else if (error !== PAUSE) throw error;
    } finally {
      current = undefined;
    }
    const key = ended ? "ended" : `${local} ${results.join(" ")}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.nodes.length;
    this.#numbers.set(key, number);
    this.nodes.push({
      local,
      results,
      step: pending?.step,
      name: pending?.name ?? "end",
      choices: pending?.choices ?? 0,
      note: pending?.note ?? false,
      next: new Map(),
      wrong,
    });
    return number;
  }
}

/** Visits every reachable state, in order of distance, so that the trace of a violation is a shortest one. */
export function explore(model: Model): Outcome {
  const original = globalThis.Atomics;
  Object.defineProperty(globalThis, "Atomics", { value: ATOMICS, configurable: true, writable: true });
  try {
    return new Exploration(model).run();
  } finally {
    Object.defineProperty(globalThis, "Atomics", { value: original, configurable: true, writable: true });
  }
}

class Exploration {
  readonly #model: Model;
  readonly #automata: Automaton[];
  readonly #variables = new Variables();
  readonly #memory: Values;
  readonly #numbers = new Map<string, number>();
  readonly #states: { places: number[]; values: number[] }[] = [];
  readonly #parents: number[] = [];
  readonly #movers: number[] = [];
  readonly #successors: number[][] = [];

  constructor(model: Model) {
    this.#model = model;
    this.#memory = new Values(this.#variables);
    model.initial?.(this.#memory);
    const initial = new Values(this.#variables);
    initial.values = this.#memory.values.slice();
    const constant = (array: Shared, index: number) =>
      model.constant?.includes(array) ? initial.get(array, index) : undefined;
    this.#automata = model.processes.map((process) => new Automaton(process, constant));
  }

  run(): Outcome {
    this.#visit(
      this.#automata.map(() => 0),
      this.#memory.values,
      -1,
      -1,
    );
    const limit = this.#model.maxStates ?? 3_000_000;
    for (let at = 0; at < this.#states.length; at++) {
      if (this.#states.length > limit) throw new Error(`more than ${limit} states`);
      const wrong = this.#expand(at);
      if (wrong !== undefined) return this.#outcome(wrong, at);
    }
    return this.#checkGoal() ?? { states: this.#states.length };
  }

  /** Takes every step that is possible in a state; says what went wrong, if anything did. */
  #expand(at: number): string | undefined {
    const { places, values } = this.#states[at]!;
    this.#successors[at] = [];
    if (this.#model.invariant !== undefined) {
      this.#memory.values = values;
      const wrong = this.#model.invariant(this.#memory);
      if (wrong !== undefined) return wrong;
    }
    for (let mover = 0; mover < places.length; mover++) {
      const node = this.#automata[mover]!.nodes[places[mover]!]!;
      if (node.wrong !== undefined) return node.wrong;
      if (node.step === undefined) continue;
      if (node.choices > 0) {
        for (let choice = 0; choice < node.choices; choice++) this.#move(at, mover, choice, values);
        continue;
      }
      const result = this.#take(node.step, values);
      if (typeof result === "string") return `${this.#automata[mover]!.process.name}: ${result}`;
      if (result === undefined) continue;
      const wrong = this.#move(at, mover, result, this.#memory.values);
      if (wrong !== undefined) return `${this.#automata[mover]!.process.name}: ${wrong}`;
    }
    if (this.#successors[at]!.length > 0 || this.#model.atRest === undefined) return undefined;
    this.#memory.values = values;
    return this.#model.atRest(this.#memory, this.#ended(at));
  }

  /** Runs a step on a copy of the values, left in #memory: its result, or what went wrong. */
  #take(step: Step, values: number[]): number | undefined | string {
    this.#memory.values = values.slice();
    try {
      return step(this.#memory);
    } catch (error) {
      if (error instanceof Violation) return error.message;
      throw error;
    }
  }

  /** Follows a step's result to the next state, through the notes that belong to the step. */
  #move(from: number, mover: number, result: number, values: number[]): string | undefined {
    const automaton = this.#automata[mover]!;
    const places = this.#states[from]!.places.slice();
    let place = automaton.after(places[mover]!, result);
    for (let node = automaton.nodes[place]!; node.note; node = automaton.nodes[place]!) {
      const noted = this.#take(node.step!, values);
      if (typeof noted === "string") return noted;
      values = this.#memory.values;
      place = automaton.after(place, noted!);
    }
    places[mover] = place;
    this.#successors[from]!.push(this.#visit(places, values, from, mover));
    return undefined;
  }

  #visit(places: number[], values: number[], parent: number, mover: number): number {
    let length = values.length;
    while (length > 0 && values[length - 1] === 0) length--;
    if (length !== values.length) values = values.slice(0, length);
    const key = `${places.join()};${values.join()}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#states.length;
    this.#numbers.set(key, number);
    this.#states.push({ places, values });
    this.#parents.push(parent);
    this.#movers.push(mover);
    return number;
  }

  #ended(at: number): boolean[] {
    return this.#states[at]!.places.map(
      (place, index) => this.#automata[index]!.nodes[place]!.step === undefined,
    );
  }

  /** Walks back from the goal states; a state that is not met can never reach one. */
  #checkGoal(): Outcome | undefined {
    const goal = this.#model.goal;
    if (goal === undefined) return undefined;
    const predecessors: number[][] = this.#states.map(() => []);
    for (const [from, successors] of this.#successors.entries()) {
      for (const to of successors) predecessors[to]!.push(from);
    }
    const reaches = new Uint8Array(this.#states.length);
    const queue: number[] = [];
    for (const [at, { values }] of this.#states.entries()) {
      this.#memory.values = values;
      if (!goal(this.#memory, this.#ended(at))) continue;
      reaches[at] = 1;
      queue.push(at);
    }
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const from of predecessors[at]!) {
        if (reaches[from] === 1) continue;
        reaches[from] = 1;
        queue.push(from);
      }
    }
    const stuck = reaches.indexOf(0);
    return stuck < 0 ? undefined : this.#outcome("the goal cannot be reached any more", stuck);
  }

  #outcome(message: string, at: number): Outcome {
    const trace: string[] = [];
    for (let state = at; this.#parents[state]! >= 0; state = this.#parents[state]!) {
      const mover = this.#movers[state]!;
      const node = this.#automata[mover]!.nodes[this.#states[this.#parents[state]!]!.places[mover]!]!;
      trace.push(`${this.#automata[mover]!.process.name}: ${node.name}`);
    }
    return { states: this.#states.length, violation: message, trace: trace.reverse() };
  }
}
