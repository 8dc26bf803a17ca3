// Limits of an IPC namespace (proc(5), /proc/sys/kernel): what Linux starts with, and what root may set.

import { EINVAL } from "../../shared/abi/errno.ts";
import type { IPC_SETTING_NAMES } from "../../shared/ipc_settings.ts";
import { INDEX_MAX } from "./identifiers.ts";

const UNLIMITED = 2n ** 64n - 1n - (1n << 24n);
const WORD_MAX = 2n ** 64n - 1n;
const INT_MAX = 0x7fffffff;
/** Operations of one semop, which are tried without a pause (F26). Linux has no such bound. */
const SEMOPM_MAX = 0xffff;

/** Not to be changed (semop(2)). */
export const SEMVMX = 32767;
export const SEMAEM = 32767;

export class IpcLimits {
  /** Bytes of a segment, and pages of all. */
  shmmax = UNLIMITED;
  shmall = UNLIMITED;
  shmmni = 4096;
  /** 1: a segment that nobody has attached, and whose creator is gone, is removed. */
  shm_rmid_forced = 0;
  semmsl = 32000;
  semmns = 1024000000;
  semopm = 500;
  semmni = 32000;
  msgmax = 8192;
  msgmnb = 16384;
  msgmni = 32000;
}

interface Setting {
  read(limits: IpcLimits): string;
  /** 0 or a negative errno. */
  write(limits: IpcLimits, text: string): number;
}

type NumberName = "shmmni" | "shm_rmid_forced" | "msgmax" | "msgmnb" | "msgmni";

function parse(word: string | undefined, max: number): number {
  if (word === undefined || !/^[0-9]{1,10}$/.test(word)) return -EINVAL;
  const value = Number(word);
  return value <= max ? value : -EINVAL;
}

function number(name: NumberName, max: number): Setting {
  return {
    read: (limits) => String(limits[name]),
    write: (limits, text) => {
      const value = parse(text.trim(), max);
      if (value < 0) return value;
      limits[name] = value;
      return 0;
    },
  };
}

function word(name: "shmmax" | "shmall"): Setting {
  return {
    read: (limits) => String(limits[name]),
    write: (limits, text) => {
      if (!/^\s*[0-9]{1,20}\s*$/.test(text)) return -EINVAL;
      const value = BigInt(text.trim());
      if (value > WORD_MAX) return -EINVAL;
      limits[name] = value;
      return 0;
    },
  };
}

const SEM: Setting = {
  read: ({ semmsl, semmns, semopm, semmni }) => `${semmsl}\t${semmns}\t${semopm}\t${semmni}`,
  write: (limits, text) => {
    const old = [limits.semmsl, limits.semmns, limits.semopm, limits.semmni];
    const words = text.trim().split(/\s+/);
    if (words.length > old.length) return -EINVAL;
    const values = words.map((given) => parse(given, INT_MAX));
    if (values.some((value) => value < 0)) return -EINVAL;
    const [semmsl, semmns, semopm, semmni] = old.map((before, i) => values[i] ?? before);
    if (semmni! > INDEX_MAX || semmsl! > 0xffff || semopm! > SEMOPM_MAX) return -EINVAL;
    Object.assign(limits, { semmsl, semmns, semopm, semmni });
    return 0;
  },
};

/** By the names that /proc/sys/kernel has for them. */
export const IPC_SETTINGS: Readonly<Record<(typeof IPC_SETTING_NAMES)[number], Setting>> = {
  msgmax: number("msgmax", INT_MAX),
  msgmnb: number("msgmnb", INT_MAX),
  msgmni: number("msgmni", INDEX_MAX),
  sem: SEM,
  shm_rmid_forced: number("shm_rmid_forced", 1),
  shmall: word("shmall"),
  shmmax: word("shmmax"),
  shmmni: number("shmmni", INDEX_MAX),
};
