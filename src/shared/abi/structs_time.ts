// Structures of clocks, timers and resource use.

import { array, chars, i32, i64, struct, u16, u32, u64, word64 } from "./struct.ts";

export const timespec = struct("struct __kernel_timespec", "linux/time_types.h", {
  tv_sec: i64,
  tv_nsec: i64,
});

export const timeval = struct("struct timeval", "linux/time.h", { tv_sec: i64, tv_usec: i64 });

export const timezone = struct("struct timezone", "linux/time.h", { tz_minuteswest: i32, tz_dsttime: i32 });

export const itimerspec = struct("struct __kernel_itimerspec", "linux/time_types.h", {
  it_interval: timespec,
  it_value: timespec,
});

export const itimerval = struct("struct itimerval", "linux/time.h", {
  it_interval: timeval,
  it_value: timeval,
});

export const tms = struct("struct tms", "linux/times.h", {
  tms_utime: i64,
  tms_stime: i64,
  tms_cutime: i64,
  tms_cstime: i64,
});

export const timex = struct("struct timex", "linux/timex.h", {
  modes: u32,
  offset: i64,
  freq: i64,
  maxerror: i64,
  esterror: i64,
  status: i32,
  constant: i64,
  precision: i64,
  tolerance: i64,
  time: timeval,
  tick: i64,
  ppsfreq: i64,
  jitter: i64,
  shift: i32,
  stabil: i64,
  jitcnt: i64,
  calcnt: i64,
  errcnt: i64,
  stbcnt: i64,
  tai: i32,
  _reserved: array(i32, 11),
});

export const rusage = struct("struct rusage", "linux/resource.h", {
  ru_utime: timeval,
  ru_stime: timeval,
  ru_maxrss: i64,
  ru_ixrss: i64,
  ru_idrss: i64,
  ru_isrss: i64,
  ru_minflt: i64,
  ru_majflt: i64,
  ru_nswap: i64,
  ru_inblock: i64,
  ru_oublock: i64,
  ru_msgsnd: i64,
  ru_msgrcv: i64,
  ru_nsignals: i64,
  ru_nvcsw: i64,
  ru_nivcsw: i64,
});

/** Words, because RLIM_INFINITY (all ones) is no double. */
export const rlimit64 = struct("struct rlimit64", "linux/resource.h", { rlim_cur: word64, rlim_max: word64 });

export const sysinfo = struct("struct sysinfo", "linux/sysinfo.h", {
  uptime: i64,
  loads: array(u64, 3),
  totalram: u64,
  freeram: u64,
  sharedram: u64,
  bufferram: u64,
  totalswap: u64,
  freeswap: u64,
  procs: u16,
  totalhigh: u64,
  freehigh: u64,
  mem_unit: u32,
});

export const utsname = struct("struct new_utsname", "linux/utsname.h", {
  sysname: chars(65),
  nodename: chars(65),
  release: chars(65),
  version: chars(65),
  machine: chars(65),
  domainname: chars(65),
});
