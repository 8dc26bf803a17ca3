// Loading a program (execve(2)): from an open file to a task that stands before its first instruction.
// Every program gets a new stub process and a new chunk (docs/hardening.md, F7), so what is mapped here is
// mapped into an empty address space that nobody else uses yet.

import { randomFillSync, randomInt } from "node:crypto";
import { AT_HWCAP, AT_HWCAP2, AT_MINSIGSTKSZ, HWCAP2_FSGSBASE } from "../../shared/abi/auxv.ts";
import { E2BIG, EACCES, EIO, ELIBBAD, ELOOP, ENOENT, ENOEXEC, ENOMEM } from "../../shared/abi/errno.ts";
import { MAP_NORESERVE, PROT_EXEC, PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import { RLIMIT_STACK } from "../../shared/abi/resource.ts";
import * as L from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import { OperationList, SYS_close, SYS_mmap } from "../call/operation_list.ts";
import { type AddressLayout, brkStart, layoutAddressSpace } from "../mem/address_layout.ts";
import { AddressSpace } from "../mem/address_space.ts";
import { pageCeil } from "../mem/mapping.ts";
import { VDSO_PROT, VDSO_SIZE } from "../mem/vdso.ts";
import { type Mapped, VM_GROWSDOWN, VM_NORESERVE, type Vma } from "../mem/vma.ts";
import type { Gift } from "../platform/births.ts";
import { stopsOfExec } from "../ptrace/events.ts";
import { RFLAGS_INITIAL } from "../signals/registers.ts";
import { randomizes } from "../system/personality.ts";
import type { Path } from "../vfs/path.ts";
import type { SupervisorContext } from "./context.ts";
import {
  biasAt,
  type ElfImage,
  type ElfStep,
  isElf,
  parseInterpreter,
  parseProgram,
  placed,
  runParse,
} from "./elf.ts";
import { tellCommandLine, WINDOW_LEFT } from "./host_view.ts";
import { EXEC_DEPTH_MAX, EXEC_PREFIX, isScript, parseScript, scriptArguments } from "./script.ts";
import { buildStack, checkArguments } from "./stack_image.ts";
import type { Task } from "./task.ts";

const ELF_PREFIX = 4096;
/** TASK_COMM_LEN without the NUL. */
const COMM_MAX = 15;
const STACK_MAX = 64 << 20;
const STACK_MIN = 128 << 10;
const MAP_PRIVATE_FIXED = 0x12;
const MAP_ANONYMOUS_FIXED = 0x32;

/** An open file that execve may map: what exec needs of a file system. */
export interface Executable {
  readonly backing: Mapped;
  /** Where it was found. */
  readonly path: Path;
  /** Host descriptor, read-only, to be given to the stub; the Executable's to close. */
  readonly hostFd: number;
  /** Reads bytes; fewer at the end; a negative errno. */
  read(offset: number, length: number): Uint8Array | number;
  close(): void;
}

/** Opens a path for execution: an Executable or a negative errno (ENOENT, EACCES, ...). */
export type OpenExecutable = (path: string) => Executable | number;

/** A program that execveat names by a descriptor (fs/exec.c, alloc_bprm). */
export interface ProgramAt {
  open(): Executable | number;
  /** The name that is made of the descriptor means nothing to the new program: it is closed on exec. */
  readonly isNameLost: boolean;
  /** The descriptor is the program, which is then called as its file is. */
  readonly isNamedByFile: boolean;
}

export interface ProgramImage {
  readonly program: Executable;
  readonly elf: ElfImage;
  readonly interpreter: Executable | null;
  readonly interpreterElf: ElfImage | null;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  readonly execfn: string;
  /** AT_SECURE: it has more rights than its caller. */
  readonly secure: boolean;
  readonly comm: string;
}

export function closeImage(image: ProgramImage): void {
  image.program.close();
  image.interpreter?.close();
}

/** Finds out what is to be run, through `#!` lines and PT_INTERP; checks all that can be checked before. */
export function openImage(
  open: OpenExecutable,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  stackLimit: number,
  at: ProgramAt | null = null,
): ProgramImage | number {
  const sizes = checkArguments(argv, envp, path, stackLimit);
  if (sizes < 0) return sizes;
  let file = path;
  for (let depth = 0; ; depth++) {
    if (depth > EXEC_DEPTH_MAX) return -ELOOP;
    const program = depth === 0 && at !== null ? at.open() : open(file);
    if (typeof program === "number") return program;
    const prefix = program.read(0, ELF_PREFIX);
    if (typeof prefix !== "number" && isScript(prefix)) {
      const script = parseScript(prefix.subarray(0, EXEC_PREFIX));
      program.close();
      if (typeof script === "number") return script;
      // The interpreter could not open what it is given.
      if (depth === 0 && at?.isNameLost === true) return -ENOENT;
      if (script.interpreter === "") return -EACCES;
      argv = scriptArguments(script, file, argv);
      file = script.interpreter;
      if (checkArguments(argv, envp, path, stackLimit) < 0) return -E2BIG;
      continue;
    }
    const image = openElf(open, program, prefix);
    const comm = commOf(at?.isNamedByFile === true ? program.path.dentry.name : path);
    if (typeof image !== "number") return { ...image, argv, envp, execfn: path, comm, secure: false };
    program.close();
    return image;
  }
}

function commOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1).slice(0, COMM_MAX);
}

type ElfParts = Pick<ProgramImage, "program" | "elf" | "interpreter" | "interpreterElf">;

function openElf(open: OpenExecutable, program: Executable, prefix: Uint8Array | number): ElfParts | number {
  if (typeof prefix === "number") return prefix;
  if (!isElf(prefix)) return -ENOEXEC;
  const elf = runParse(parseProgram(prefix), (offset, length) => program.read(offset, length));
  if (typeof elf === "number") return elf;
  if (elf.interpreter === "") return { program, elf, interpreter: null, interpreterElf: null };
  const interpreter = open(elf.interpreter);
  if (typeof interpreter === "number") return interpreter;
  const start = interpreter.read(0, ELF_PREFIX);
  const parsed =
    typeof start === "number"
      ? start === NOT_AT_HAND
        ? start
        : -EIO
      : runParse(parseInterpreter(start), (offset, length) => interpreter.read(offset, length));
  if (typeof parsed === "number") {
    interpreter.close();
    return parsed === -ENOEXEC ? -ELIBBAD : parsed;
  }
  return { program, elf, interpreter, interpreterElf: parsed };
}

// Numbers of what a stub is given with its birth, which no other list of it has begun to use.
const VDSO_FD = L.DONATED_FD;
const PROGRAM_FD = L.DONATED_FD + 1;
const INTERPRETER_FD = L.DONATED_FD + 2;

/** What the stub that loads the image is given: each is closed when it is mapped. */
export function giftsOf({ vdso }: SupervisorContext, { program, interpreter }: ProgramImage): Gift[] {
  const gifts = [
    { hostFd: vdso.hostFd, fd: VDSO_FD },
    { hostFd: program.hostFd, fd: PROGRAM_FD },
  ];
  if (interpreter !== null) gifts.push({ hostFd: interpreter.hostFd, fd: INTERPRETER_FD });
  return gifts;
}

/** An empty address space for a program whose stack may grow to `stackLimit` bytes. */
export function newAddressSpace(
  kernel: SupervisorContext,
  stackLimit: number,
  persona: number,
): AddressSpace {
  return new AddressSpace(kernel, newLayout(stackLimit, randomizes(persona)));
}

function newLayout(stackLimit: number, randomize: boolean): AddressLayout {
  return layoutAddressSpace({ random: randomInt, randomize, stackLimit, vdsoSize: VDSO_SIZE });
}

/** In place of a bias, which may be negative itself. */
class LoadError {
  readonly errno: number;
  constructor(errno: number) {
    this.errno = errno;
  }
}

/**
 * Maps an image into the task's empty address space and sends the task off. A coroutine of the new task:
 * it starts by waiting for STARTED, and closes the image whatever comes. `onReady` is the point of no return;
 * `onFailure` gets a positive errno instead: E2BIG if the strings do not fit, any other if the image cannot
 * be mapped. `before`: what it waits for when it could begin.
 */
export function* loadProgram(
  task: Task,
  image: ProgramImage,
  onReady: () => void,
  onFailure: (errno: number) => void,
  before?: () => Generator<void, void, void>,
): Coroutine {
  let error: number;
  try {
    yield; // STARTED
    task.started = true;
    const { program, interpreter } = image;
    if (program.backing.isSlow === true || interpreter?.backing.isSlow === true) task.stub.hasSlowFile = true;
    error = yield* load(task, image);
  } finally {
    closeImage(image);
  }
  if (error < 0) {
    onFailure(-error);
    return NO_RESULT;
  }
  if (before !== undefined) yield* before();
  onReady();
  task.kernel.slots.writeFrame(task.call.slot, task.call.frame);
  if (task.tracee !== null) yield* stopsOfExec(task);
  task.registersChanged = false; // all are loaded here
  task.kernel.slots.setWord(task.call.slot, L.REP_FP, L.FP_INITIAL);
  task.call.replyFinal(Reply.SIGRETURN);
  return NO_RESULT;
}

function* load(task: Task, image: ProgramImage): Generator<void, number, void> {
  const { elf, interpreterElf } = image;
  if (elf.fatal !== 0) return elf.fatal;
  if (interpreterElf !== null && interpreterElf.fatal !== 0) return interpreterElf.fatal;
  const { space } = task.stub;
  const lists = new LoadLists(task);
  const stackError = mapStack(task, lists, elf.executableStack);
  if (stackError < 0) return stackError;
  const bias = placeImage(space, elf);
  if (typeof bias !== "number") return -bias.errno;
  const mapped = yield* mapImage(lists, elf, bias, image.program, PROGRAM_FD);
  if (mapped < 0) return mapped;
  noteSegments(space, elf, bias);
  let entry = elf.entry + bias;
  let base = 0;
  if (interpreterElf !== null && image.interpreter !== null) {
    const interpreterBias = placeImage(space, interpreterElf);
    if (typeof interpreterBias !== "number") return -interpreterBias.errno;
    const error = yield* mapImage(lists, interpreterElf, interpreterBias, image.interpreter, INTERPRETER_FD);
    if (error < 0) return error;
    entry = interpreterElf.entry + interpreterBias;
    base = interpreterBias + interpreterElf.start;
  }
  space.brkStart = brkStart(elf.brk + bias, elf.placement === "mmap", randomInt, randomizes(task.persona));
  space.brk = space.brkStart;
  return yield* writeStack(lists, image, bias, base, entry);
}

/** What is mapped and copied while a program is loaded, in as few lists as hold it: each is an exchange. */
class LoadLists {
  readonly task: Task;
  list: OperationList;

  constructor(task: Task) {
    this.task = task;
    this.list = this.#empty();
  }

  #empty(): OperationList {
    return new OperationList(this.task.kernel.slots, this.task.call.slot);
  }

  /** Whether there is room for one step of an image, what closes its file, and the end of the stack. */
  get isFull(): boolean {
    return this.list.length > L.OPS_MAX - 5;
  }

  /** Runs what there is: whether all of it was done. */
  *run(): Generator<void, boolean, void> {
    const { list } = this;
    this.list = this.#empty();
    return list.length === 0 || (yield* this.task.run(list));
  }
}

/** Where code and data are, for /proc/PID/stat. */
function noteSegments(space: AddressSpace, { steps }: ElfImage, bias: number): void {
  for (const { start, end, prot, fileOffset } of steps) {
    if (fileOffset < 0) continue;
    if ((prot & PROT_EXEC) !== 0) {
      space.codeStart ||= start + bias;
      space.codeEnd = end + bias;
    } else if ((prot & PROT_WRITE) !== 0) {
      space.dataStart ||= start + bias;
      space.dataEnd = end + bias;
    }
  }
}

/** Where an image goes: what to add to its addresses. */
function placeImage(space: AddressSpace, elf: ElfImage): number | LoadError {
  switch (elf.placement) {
    case "fixed":
      return 0;
    case "pie":
      return biasAt(elf, space.layout.pieBase);
    case "mmap": {
      const at = space.chooseAddress(pageCeil(elf.end - elf.start), elf.alignment);
      return at < 0 ? new LoadError(ENOMEM) : at - elf.start;
    }
  }
}

function plain(start: number, end: number, prot: number, rest: Partial<Vma>): Vma {
  return {
    start,
    end,
    prot,
    maxProt: PROT_READ | PROT_WRITE | PROT_EXEC,
    flags: 0,
    backing: null,
    offset: 0,
    name: "",
    ...rest,
  };
}

function commit(space: AddressSpace, vma: Vma): number {
  const plan = space.vmas.planMap(vma);
  if (typeof plan === "number") return plan;
  plan.commit();
  return 0;
}

/** The stack, and the vDSO beside it. */
function mapStack(task: Task, { list }: LoadLists, executable: boolean): number {
  const { space } = task.stub;
  const limit = task.group.rlimits[RLIMIT_STACK]![0];
  const size = pageCeil(Math.min(Math.max(limit, STACK_MIN), STACK_MAX));
  const end = space.layout.stackTop;
  const start = end - size;
  const prot = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
  list.call(SYS_mmap, start, size, prot, MAP_ANONYMOUS_FIXED | MAP_NORESERVE, -1, 0);
  space.vdso = space.layout.vdso !== 0 ? space.layout.vdso : space.chooseAddress(VDSO_SIZE);
  if (space.vdso < 0) return -ENOMEM;
  const { vdso } = task.kernel;
  list.call(SYS_mmap, space.vdso, VDSO_SIZE, VDSO_PROT, MAP_PRIVATE_FIXED, VDSO_FD, 0);
  list.call(SYS_close, VDSO_FD);
  // The guard below it comes from VM_GROWSDOWN: address selection keeps its distance.
  const image = { backing: vdso.backing, name: "[vdso]" };
  const error = commit(space, plain(space.vdso, space.vdso + VDSO_SIZE, VDSO_PROT, image));
  if (error < 0) return error;
  return commit(space, plain(start, end, prot, { flags: VM_GROWSDOWN | VM_NORESERVE, name: "[stack]" }));
}

/** Maps all steps of an image, from the number of its file in the stub; a negative errno when the host or the rules refuse one. */
function* mapImage(
  lists: LoadLists,
  elf: ElfImage,
  bias: number,
  file: Executable,
  fd: number,
): Generator<void, number, void> {
  const steps = placed(elf, bias);
  if (typeof steps === "number") return steps;
  const { task } = lists;
  for (const step of steps) {
    if (lists.isFull && !(yield* lists.run())) return -ENOMEM;
    addStep(lists.list, step, fd);
    const error = commit(task.stub.space, vmaOf(step, file));
    if (error < 0) return error;
  }
  lists.list.call(SYS_close, fd);
  return 0;
}

function addStep(list: OperationList, step: ElfStep, fd: number): void {
  const length = step.end - step.start;
  if (step.fileOffset < 0) list.call(SYS_mmap, step.start, length, step.prot, MAP_ANONYMOUS_FIXED, -1, 0);
  else list.call(SYS_mmap, step.start, length, step.prot, MAP_PRIVATE_FIXED, fd, step.fileOffset);
  if (step.clearFrom !== 0) list.zero(step.clearFrom, step.end - step.clearFrom);
}

function vmaOf(step: ElfStep, file: Executable): Vma {
  return plain(
    step.start,
    step.end,
    step.prot,
    step.fileOffset < 0 ? {} : { backing: file.backing, offset: step.fileOffset },
  );
}

function* writeStack(
  lists: LoadLists,
  image: ProgramImage,
  bias: number,
  base: number,
  entry: number,
): Generator<void, number, void> {
  const { task } = lists;
  const { native } = task.kernel;
  const { credentials } = task;
  const { uids, gids } = credentials.userNamespace;
  const { space } = task.stub;
  const random = new Uint8Array(16);
  randomFillSync(random);
  const stack = buildStack({
    stackTop: space.layout.stackTop,
    argv: image.argv,
    envp: image.envp,
    execfn: image.execfn,
    stackLimit: task.group.rlimits[RLIMIT_STACK]![0],
    random,
    shift: randomInt(8192),
    auxiliary: {
      vdso: space.vdso,
      hwcap: native.getauxval(AT_HWCAP),
      // rdfsbase and wrfsbase stay unmentioned: the stub keeps its slot in the gs base (F17).
      hwcap2: native.getauxval(AT_HWCAP2) & ~HWCAP2_FSGSBASE,
      minSigStackSize: native.getauxval(AT_MINSIGSTKSZ),
      phdr: image.elf.phdr === 0 ? 0 : image.elf.phdr + bias,
      phentsize: image.elf.phentsize,
      phnum: image.elf.phnum,
      base,
      entry: image.elf.entry + bias,
      uid: uids.told(credentials.uid),
      euid: uids.told(credentials.euid),
      gid: gids.told(credentials.gid),
      egid: gids.told(credentials.egid),
      secure: image.secure,
    },
  });
  if (typeof stack === "number") return stack;
  Object.assign(space, {
    argStart: stack.argStart,
    argEnd: stack.argEnd,
    envStart: stack.envStart,
    envEnd: stack.envEnd,
    auxiliaryVector: stack.auxiliaryVector,
    program: image.program.path,
    stackStart: stack.sp,
  });
  for (let done = 0; done < stack.bytes.length; done += WINDOW_LEFT) {
    const part = stack.bytes.subarray(done, done + WINDOW_LEFT);
    task.call.bytes.set(part, task.call.base + L.WINDOW);
    const before = lists.list.length;
    lists.list.copyTo(stack.sp + done, part.length, L.WINDOW);
    if (done + WINDOW_LEFT >= stack.bytes.length) tellCommandLine(task, lists.list);
    if (!(yield* lists.run())) return task.call.listDone < before ? -ENOMEM : -E2BIG;
  }
  task.call.frame.words.fill(0);
  task.call.frame.setNumber(L.RIP, entry);
  task.call.frame.setNumber(L.RSP, stack.sp);
  task.call.frame.setNumber(L.EFLAGS, RFLAGS_INITIAL);
  return 0;
}
