// Makes calls on a kernel without stubs, and prints as JSON how many bytes of heap each of them takes. Its argument
// is a directory with a "file" of 64 KiB.

import { EAGAIN, ENOENT } from "../../src/shared/abi/errno.ts";
import { AT_FDCWD, O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, SEEK_SET } from "../../src/shared/abi/fcntl.ts";
import { EPOLL_CTL_ADD, POLLIN } from "../../src/shared/abi/poll.ts";
import { epoll_event, pollfd } from "../../src/shared/abi/structs.ts";
import { ADDRESS, OneTask } from "./one_task.ts";

const WARM_UP = 30_000;
const CALLS = 10_000;
const SAMPLES = 5;

const collect = (globalThis as unknown as { gc: () => void }).gc;
const directory = process.argv[2]!;
const one = await OneTask.make();
const measured: Record<string, number> = {};

/** The call of that name as a function whose result is compared each time. */
function call(name: string, expected: number, ...args: number[]): () => void {
  const handler = one.handler(name);
  const [a0, a1, a2, a3, a4] = args;
  return () => {
    const result = one.serve(handler, a0, a1, a2, a3, a4);
    if (result !== expected) throw new Error(`${name}: ${result}, not ${expected}`);
  };
}

/** Of one call, or of two in turn. */
function measure(what: string, first: () => void, second: () => void = () => {}): void {
  const run = (times: number) => {
    for (let i = 0; i < times; i++) {
      first();
      second();
    }
  };
  run(WARM_UP);
  let least = Number.POSITIVE_INFINITY; // V8 compiles, and learns, in the others
  for (let sample = 0; sample < SAMPLES; sample++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    run(CALLS);
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / CALLS);
  }
  measured[what] = Math.round(least);
}

function open(path: string, flags: number): number {
  one.giveString(path);
  const fd = one.serve(one.handler("open"), 0, flags, 0o600);
  if (fd < 0) throw new Error(`open of ${path}: ${fd}`);
  return fd;
}

const path = `${directory}/file`;
const fd = open(path, O_RDONLY);
const inMemory = open("/dev/shm/written", O_RDWR | O_CREAT);
one.giveLength(4096);
call("pwrite64", 4096, inMemory, ADDRESS, 4096, 0)();
call("pipe2", 0, ADDRESS, O_NONBLOCK)();
const [reader, writer] = [inMemory + 1, inMemory + 2];

measure("getppid", call("getppid", 0));
measure("lseek", call("lseek", 5, fd, 5, SEEK_SET));
measure("pread64", call("pread64", 512, fd, ADDRESS, 512, 77));
measure("read", call("read", 8, fd, ADDRESS, 8), call("lseek", 0, fd, 0, SEEK_SET));
measure("read of a file in memory", call("pread64", 512, inMemory, ADDRESS, 512, 77));
one.giveLength(512);
measure("pwrite64 of a file in memory", call("pwrite64", 512, inMemory, ADDRESS, 512, 77));
measure("fstat", call("fstat", 0, fd, ADDRESS));
one.giveString(path);
measure("stat", call("stat", 0, 0, ADDRESS));
measure("newfstatat", call("newfstatat", 0, AT_FDCWD, 0, ADDRESS, 0));
measure("statx", call("statx", 0, AT_FDCWD, 0, 0, 0xfff, ADDRESS));
measure("access", call("access", 0, 0, 4));
const opened = one.handler("open");
const closed = one.handler("close");
measure("open and close", () => one.serve(closed, one.serve(opened, 0, O_RDONLY)));
one.giveString("/dev/shm/written");
measure("stat of a file in memory", call("stat", 0, 0, ADDRESS));
one.giveString(`${directory}/missing`);
measure("stat of a name that is not there", call("stat", -ENOENT, 0, ADDRESS));
measure("read of an empty pipe that does not wait", call("read", -EAGAIN, reader, ADDRESS, 64));
one.giveLength(64);
measure(
  "write and read of a pipe",
  call("write", 64, writer, ADDRESS, 64),
  call("read", 64, reader, ADDRESS, 64),
);
const two = one.serve(one.handler("socketpair"), 1, 1, 0, ADDRESS);
if (two < 0) throw new Error(`socketpair: ${two}`);
const [left, right] = [reader + 2, reader + 3];
one.giveLength(8);
measure(
  "write and read of a unix stream",
  call("write", 8, left, ADDRESS, 8),
  call("read", 8, right, ADDRESS, 8),
);
const epoll = one.serve(one.handler("epoll_create1"), 0);
call("write", 8, left, ADDRESS, 8)();
one.giveBytes(epoll_event.encode({ events: POLLIN, data: { lo: 1, hi: 0 } }));
call("epoll_ctl", 0, epoll, EPOLL_CTL_ADD, right)();
measure("epoll_wait of what is ready", call("epoll_wait", 1, epoll, ADDRESS, 16, -1));
one.giveBytes(pollfd.encode({ fd: right, events: POLLIN }));
measure("poll of what is ready", call("poll", 1, ADDRESS, 1, -1));
process.stdout.write(JSON.stringify(measured));
