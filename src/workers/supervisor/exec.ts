// Loading a program: find and check the file, map its segments, build the stack.

import { EACCES, ENOENT, ENOEXEC } from "../../shared/abi/errno.ts";
import type { ProcessSpec } from "../../shared/process_spec.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { RFLAGS_INITIAL } from "./registers.ts";
import * as L from "../../shared/ring/layout.ts";
import { walkHost } from "../gofer/host_walk.ts";
import type { Kernel } from "../kernel.ts";
import type { Layout } from "../mem/address_space.ts";
import type { Credentials } from "./credentials.ts";
import { OperationList } from "./operation_list.ts";
import type { Coroutine, Task } from "./task.ts";

export interface ProgramImage {
  fd: number;
  layout: Layout;
  comm: string;
  entry: number;
  phdr: number;
  phnum: number;
  loads: { vaddr: number; memsz: number; filesz: number; offset: number; flags: number }[];
}

export function openImage(kernel: Kernel, spec: ProcessSpec, _c: Credentials): ProgramImage | number {
  const path = spec.args[0]!;
  const dirs = path.includes("/") ? [""] : (spec.env.find((e) => e.startsWith("PATH=")) ?? "PATH=/bin:/usr/bin").slice(5).split(":").map((d) => `${d}/`);
  let error = -ENOENT;
  for (const dir of dirs) {
    const f = walkHost(kernel.native, kernel.descriptors.root, spec.cwd, dir + path);
    if (typeof f === "number") { error = f; continue; }
    if ((f.mode & 0o170000) !== 0o100000 || (f.mode & 0o111) === 0) { error = -EACCES; continue; }
    const fd = kernel.native.reopen(kernel.descriptors.proc, f.fd, 0);
    kernel.native.close(f.fd);
    if (fd < 0) return fd;
    const n = kernel.native.preadScratch(fd, 0, 4096, 0);
    const v = kernel.native.scratchView;
    if (n < 64 || v.getUint32(0, true) !== 0x464c457f) return -ENOEXEC;
    const phoff = v.getUint32(32, true), phnum = v.getUint16(56, true);
    const loads = [];
    let end = 0, phdr = 0;
    for (let i = 0; i < phnum; i++) {
      const p = phoff + i * 56;
      const u = (o: number) => v.getUint32(p + o + 4, true) * 4294967296 + v.getUint32(p + o, true);
      if (v.getUint32(p, true) !== 1) continue;
      loads.push({ offset: u(8), vaddr: u(16), filesz: u(32), memsz: u(40), flags: v.getUint32(p + 4, true) });
      if (u(8) === 0) phdr = u(16) + phoff;
      end = u(16) + u(40);
    }
    const entry = v.getUint32(28, true) * 4294967296 + v.getUint32(24, true);
    return { fd, comm: path.slice(path.lastIndexOf("/") + 1), entry, phdr, phnum, loads, layout: { brkStart: Math.ceil(end / 4096) * 4096 + 0x100000, mmapBase: 0x7f0000000000, stackTop: 0x7fff00000000 } };
  }
  return error;
}

export function* loadProgram(task: Task, image: ProgramImage, spec: ProcessSpec): Coroutine {
  yield;
  const { slots } = task.kernel;
  let list = new OperationList(slots, task.slot);
  const fdNum = L.DONATED_FD + (task.slot & 7);
  let first = true;
  for (const p of image.loads) {
    const pg = p.vaddr % 4096;
    const prot = ((p.flags & 4) >> 2) | (p.flags & 2) | ((p.flags & 1) << 2);
    const at = p.vaddr - pg;
    if (first) list.donate(image.fd);
    first = false;
    list.call(9, at, Math.ceil((p.filesz + pg) / 4096) * 4096, prot, 0x12, fdNum, p.offset - pg);
    const fend = p.vaddr + p.filesz, pend = Math.ceil(fend / 4096) * 4096, mend = Math.ceil((p.vaddr + p.memsz) / 4096) * 4096;
    if (p.memsz > p.filesz) {
      list.zero(fend, pend - fend);
      if (mend > pend) list.call(9, pend, mend - pend, prot, 0x32, -1, 0);
    }
  }
  list.call(3, fdNum);
  const top = image.layout.stackTop;
  list.call(9, top - 0x800000, 0x800000, 3, 0x4032, -1, 0);
  // stack image
  const strings: number[] = [];
  let sp = top - 16;
  const bytes = task.bytes, base = task.base + L.WINDOW;
  const imgBase = top - 0x4000;
  const put = (s: string) => { sp -= s.length + 1; const o = base + sp - imgBase; for (let i = 0; i < s.length; i++) bytes[o + i] = s.charCodeAt(i); bytes[o + s.length] = 0; return sp; };
  const argv = spec.args.map(put), env = spec.env.map(put);
  sp -= 16; const rnd = sp;
  void strings;
  const aux = [3, image.phdr, 4, 56, 5, image.phnum, 6, 4096, 9, image.entry, 11, 0, 12, 0, 13, 0, 14, 0, 23, 0, 25, rnd, 0, 0];
  const words = [argv.length, ...argv, 0, ...env, 0, ...aux];
  sp = (sp - words.length * 8) & ~15 ? Math.floor((sp - words.length * 8) / 16) * 16 : sp;
  const v = task.view;
  words.forEach((w, i) => { const o = base + sp - imgBase + i * 8; v.setUint32(o, w % 4294967296, true); v.setUint32(o + 4, Math.floor(w / 4294967296), true); });
  list.copyTo(sp, top - sp, L.WINDOW + sp - imgBase);
  const n = list.length;
  task.runList(list);
  yield;
  if (task.listDone !== n) { task.kernel.log("error", "load failed", { done: task.listDone, r: task.listResult }); task.group.exit(9); return 0; }
  task.kernel.native.close(image.fd);
  task.frame.words.fill(0);
  task.frame.setNumber(L.RIP, image.entry);
  task.frame.setNumber(L.RSP, sp);
  task.frame.setNumber(L.EFLAGS, RFLAGS_INITIAL);
  slots.writeFrame(task.slot, task.frame);
  slots.setWord(task.slot, L.REP_FP, L.FP_INITIAL);
  task.replyFinal(Reply.SIGRETURN);
  return 0;
}
