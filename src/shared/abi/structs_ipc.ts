// Structures of System V IPC (shmctl(2), semctl(2), msgctl(2)).

import { i16, i32, i64, struct, u16, u32, u64, word64 } from "./struct.ts";

export const sembuf = struct("struct sembuf", "linux/sem.h", { sem_num: u16, sem_op: i16, sem_flg: i16 });

export const ipc64_perm = struct("struct ipc64_perm", "asm/ipcbuf.h", {
  key: i32,
  uid: u32,
  gid: u32,
  cuid: u32,
  cgid: u32,
  mode: u32,
  seq: u16,
  __unused1: u64,
  __unused2: u64,
});

export const shmid64_ds = struct("struct shmid64_ds", "asm/shmbuf.h", {
  shm_perm: ipc64_perm,
  shm_segsz: u64,
  shm_atime: i64,
  shm_dtime: i64,
  shm_ctime: i64,
  shm_cpid: i32,
  shm_lpid: i32,
  shm_nattch: u64,
  __unused4: u64,
  __unused5: u64,
});

export const shminfo64 = struct("struct shminfo64", "asm/shmbuf.h", {
  shmmax: word64,
  shmmin: u64,
  shmmni: u64,
  shmseg: u64,
  shmall: word64,
  __unused1: u64,
  __unused2: u64,
  __unused3: u64,
  __unused4: u64,
});

export const shm_info = struct("struct shm_info", "linux/shm.h", {
  used_ids: i32,
  shm_tot: u64,
  shm_rss: u64,
  shm_swp: u64,
  swap_attempts: u64,
  swap_successes: u64,
});

export const semid64_ds = struct("struct semid64_ds", "asm/sembuf.h", {
  sem_perm: ipc64_perm,
  sem_otime: i64,
  __unused1: u64,
  sem_ctime: i64,
  __unused2: u64,
  sem_nsems: u64,
  __unused3: u64,
  __unused4: u64,
});

export const seminfo = struct("struct seminfo", "linux/sem.h", {
  semmap: i32,
  semmni: i32,
  semmns: i32,
  semmnu: i32,
  semmsl: i32,
  semopm: i32,
  semume: i32,
  semusz: i32,
  semvmx: i32,
  semaem: i32,
});

export const msqid64_ds = struct("struct msqid64_ds", "asm/msgbuf.h", {
  msg_perm: ipc64_perm,
  msg_stime: i64,
  msg_rtime: i64,
  msg_ctime: i64,
  msg_cbytes: u64,
  msg_qnum: u64,
  msg_qbytes: u64,
  msg_lspid: i32,
  msg_lrpid: i32,
  __unused4: u64,
  __unused5: u64,
});

export const msginfo = struct("struct msginfo", "linux/msg.h", {
  msgpool: i32,
  msgmap: i32,
  msgmax: i32,
  msgmnb: i32,
  msgmni: i32,
  msgssz: i32,
  msgtql: i32,
  msgseg: u16,
});
