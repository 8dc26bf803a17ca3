// What conntrack makes of a connection of TCP from the flags that it sees in each direction (Linux's
// nf_conntrack_proto_tcp.c, as far as states go). Windows are not looked at: as with nf_conntrack_tcp_be_liberal, a segment
// that lies outside is not invalid for that; a reset is believed where it continues what was acknowledged.

import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from "../tcp/format.ts";

export const NONE = 0;
export const SYN_SENT = 1;
export const SYN_RECV = 2;
export const ESTABLISHED = 3;
export const FIN_WAIT = 4;
export const CLOSE_WAIT = 5;
export const LAST_ACK = 6;
export const TIME_WAIT = 7;
export const CLOSE = 8;
export const SYN_SENT2 = 9;
/** Not a state: the segment changes nothing, or does not belong. */
export const IGNORED = 10;
export const INVALID = 11;

export const STATE_NAMES = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
] as const;

/** nf_conntrack_tcp_timeout_*, in seconds, by state. */
export const TIMEOUTS_S = [0, 120, 60, 432_000, 120, 60, 30, 120, 10, 120] as const;

/** What a segment is: the row of the tables below. */
const [ROW_SYN, ROW_SYN_ACK, ROW_FIN, ROW_ACK, ROW_RST, ROW_NONE] = [0, 1, 2, 3, 4, 5];

/** Letters of states, in their order: a column is the state before, a letter the one behind. */
const LETTERS = "-srefclwx2.!";

function rows(texts: readonly string[]): Uint8Array {
  return Uint8Array.from(texts.join(""), (letter) => LETTERS.indexOf(letter));
}

//              before: -srefclwx2
const FROM_ORIGINAL = rows([
  /* SYN     */ "ss.....ss2",
  /* SYN ACK */ "!!r!!!!!!r",
  /* FIN     */ "!!fflllwx!",
  /* ACK     */ "e!eeccwwx!",
  /* RST     */ "!xxxxxxxxx",
  /* none    */ "!!!!!!!!!!",
]);
const FROM_REPLY = rows([
  /* SYN     */ "!2!!!!!s!2",
  /* SYN ACK */ "!r.......r",
  /* FIN     */ "!!fflllwx!",
  /* ACK     */ "!.reccwwx.",
  /* RST     */ "!xxxxxxxxx",
  /* none    */ "!!!!!!!!!!",
]);
const STATES = STATE_NAMES.length;

function rowOf(flags: number): number {
  if ((flags & RST) !== 0) return ROW_RST;
  if ((flags & SYN) !== 0) return (flags & ACK) !== 0 ? ROW_SYN_ACK : ROW_SYN;
  if ((flags & FIN) !== 0) return ROW_FIN;
  return (flags & ACK) !== 0 ? ROW_ACK : ROW_NONE;
}

/** The state behind a segment with those flags, IGNORED or INVALID. */
export function nextState(state: number, flags: number, isReply: boolean): number {
  return (isReply ? FROM_REPLY : FROM_ORIGINAL)[rowOf(flags) * STATES + state]!;
}

/** Whether a segment may have these flags together. */
export function areValidFlags(flags: number): boolean {
  const main = flags & ~(ECE | CWR | PSH);
  switch (main) {
    case SYN:
    case SYN | URG:
    case SYN | ACK:
    case RST:
    case RST | ACK:
    case FIN | ACK:
    case FIN | ACK | URG:
    case ACK:
    case ACK | URG:
      return true;
    default:
      return false;
  }
}
