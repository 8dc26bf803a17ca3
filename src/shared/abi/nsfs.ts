// Numbers of namespaces as their files show them (linux/nsfs.h, include/linux/proc_ns.h).

/** Those of the first of each kind (PROC_*_INIT_INO). */
export const IPC_FIRST_INO = 0xefffffff;
export const UTS_FIRST_INO = 0xeffffffe;
export const USER_FIRST_INO = 0xeffffffd;
export const PID_FIRST_INO = 0xeffffffc;
export const CGROUP_FIRST_INO = 0xeffffffb;
export const TIME_FIRST_INO = 0xeffffffa;
export const NET_FIRST_INO = 4026531840;
export const MNT_FIRST_INO = 4026531841;

/** Kinds of which there may be more; each has every seventh number. */
export const IPC_KIND = 0;
export const NET_KIND = 1;
export const MNT_KIND = 2;
export const USER_KIND = 3;
export const PID_KIND = 4;
export const UTS_KIND = 5;
export const CGROUP_KIND = 6;

const OTHERS = 4026532000;
const KINDS = 7;

/** Of the `number`th that was made of a kind, from 1 on. */
export function inodeOf(kind: number, number: number): number {
  return OTHERS + number * KINDS + kind;
}
