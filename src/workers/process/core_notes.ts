// What a core file says of a process beside its memory (core(5)): the ELF notes of Linux's binfmt_elf, in
// its order. Here are their bytes alone.

import { write64 } from "../../shared/abi/struct.ts";
import { GS_BASE, ORIG_RAX, RAX } from "../../shared/ring/layout.ts";
import type { Frame } from "../../shared/ring/slot.ts";
import { SIGINFO_SIZE, type SigInfo, writeSigInfo } from "../call/siginfo.ts";
import type { SignalSet } from "../call/signal_set.ts";
import { type CpuTime, groupCpuTime, NO_TIME, taskCpuTime } from "../time/cpu_time.ts";
import type { Task } from "./task.ts";

const NT_PRSTATUS = 1;
const NT_FPREGSET = 2;
const NT_PRPSINFO = 3;
const NT_AUXV = 6;
const NT_FILE = 0x46494c45;
const NT_SIGINFO = 0x53494749;
const OWNER = "CORE\0";
const NOTE_HEADER = 12;

const align4 = (n: number) => (n + 3) & ~3;

/** Bytes of a structure, written in order. */
class Fields {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  u32(at: number, ...values: number[]): void {
    for (const [index, value] of values.entries()) this.view.setInt32(at + 4 * index, value | 0, true);
  }

  u64(at: number, ...values: number[]): void {
    for (const [index, value] of values.entries()) write64(this.view, at + 8 * index, value);
  }

  set(at: number, signals: SignalSet): void {
    signals.write(this.view, at);
  }

  time(at: number, ns: number): void {
    this.u64(at, Math.floor(ns / 1e9), Math.floor((ns % 1e9) / 1000));
  }

  text(at: number, text: string, room: number): void {
    this.bytes.set(Buffer.from(text.slice(0, room - 1), "latin1"), at);
  }
}

function note(type: number, contents: Uint8Array): Uint8Array {
  const nameSize = align4(OWNER.length);
  const fields = new Fields(NOTE_HEADER + nameSize + align4(contents.length));
  fields.u32(0, OWNER.length, contents.length, type);
  fields.text(NOTE_HEADER, OWNER, OWNER.length + 1);
  fields.bytes.set(contents, NOTE_HEADER + nameSize);
  return fields.bytes;
}

const USER_CS = 0x33;
const USER_SS = 0x2b;
const PRSTATUS_SIZE = 336;
const REGISTERS_AT = 112;
const CS_AT = REGISTERS_AT + 17 * 8;
const SS_AT = REGISTERS_AT + 20 * 8;
const FP_VALID_AT = 328;

/** A thread's registers as they stand in its slot; `result` of the call that it was in, or null outside one. */
export function registersOf(task: Task, result: number | null): Frame {
  const { frame } = task.call;
  task.kernel.slots.readFrame(task.call.slot, frame);
  if (result === null) frame.set(ORIG_RAX, -1, -1);
  else frame.setNumber(RAX, result);
  frame.set(GS_BASE, 0, 0); // the stub's own
  return frame;
}

/** Parent, process group and session, in the PID namespace of the process: 0 for those outside. */
function relatives({ group, pids }: Task): number[] {
  return [group.parent?.id, group.processGroup, group.session.id].map((id) => id?.in(pids) ?? 0);
}

/** struct elf_prstatus. */
export function prstatus(task: Task, signo: number, registers: Frame, hasFp: boolean): Uint8Array {
  const { group } = task;
  const fields = new Fields(PRSTATUS_SIZE);
  fields.u32(0, signo);
  fields.view.setInt16(12, signo, true);
  fields.set(16, task.pending.set);
  fields.set(24, task.blocked);
  fields.u32(32, task.tid, ...relatives(task));
  const time: CpuTime = task.dead ? NO_TIME : task === group.leader ? groupCpuTime(group) : taskCpuTime(task);
  fields.time(48, time.user);
  fields.time(64, time.system);
  fields.time(80, group.childrenTime.user);
  fields.time(96, group.childrenTime.system);
  const { words } = registers;
  fields.bytes.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength), REGISTERS_AT);
  fields.u64(CS_AT, USER_CS);
  fields.u64(SS_AT, USER_SS);
  fields.u32(FP_VALID_AT, hasFp ? 1 : 0);
  return note(NT_PRSTATUS, fields.bytes);
}

export function fpregset(state: Uint8Array): Uint8Array {
  return note(NT_FPREGSET, state);
}

const PRPSINFO_SIZE = 136;
const NAME_ROOM = 16;
export const ARGUMENTS_ROOM = 80;

/** struct elf_prpsinfo. */
export function prpsinfo(task: Task, args: string): Uint8Array {
  const { group, credentials } = task;
  const fields = new Fields(PRPSINFO_SIZE);
  fields.bytes[1] = "R".charCodeAt(0);
  fields.view.setInt8(3, task.nice);
  const { uids, gids } = credentials.userNamespace;
  fields.u32(16, uids.told(credentials.uid), gids.told(credentials.gid), group.pid, ...relatives(task));
  fields.text(40, task.comm, NAME_ROOM);
  fields.text(40 + NAME_ROOM, args, ARGUMENTS_ROOM);
  return note(NT_PRPSINFO, fields.bytes);
}

export function siginfo(info: SigInfo): Uint8Array {
  const bytes = new Uint8Array(SIGINFO_SIZE);
  writeSigInfo(info, bytes, 0);
  return note(NT_SIGINFO, bytes);
}

export function auxv(vector: Uint8Array): Uint8Array {
  return note(NT_AUXV, vector);
}

export interface FileRange {
  readonly start: number;
  readonly end: number;
  /** In pages. */
  readonly offset: number;
  readonly path: string;
}

/** Which files were mapped where. */
export function files(ranges: readonly FileRange[], pageSize: number): Uint8Array {
  const names = Buffer.from(ranges.map(({ path }) => `${path}\0`).join(""), "latin1");
  const fields = new Fields(16 + 24 * ranges.length + names.length);
  fields.u64(0, ranges.length, pageSize);
  for (const [index, { start, end, offset }] of ranges.entries())
    fields.u64(16 + 24 * index, start, end, offset);
  fields.bytes.set(names, 16 + 24 * ranges.length);
  return note(NT_FILE, fields.bytes);
}
