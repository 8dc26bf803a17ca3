// Filters of sock_diag requests (INET_DIAG_REQ_BYTECODE): operations with a way on for yes and one for no, both forward,
// so that a filter ends after as many steps as it has operations. They are checked once, as Linux's inet_diag_bc_audit.

import { EINVAL, EPERM } from "../../../../shared/abi/errno.ts";
import * as D from "../../../../shared/abi/sock_diag.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../../../../shared/abi/socket.ts";
import type { IpAddress } from "../../stack/ip_address.ts";
import type { SocketRow } from "./row.ts";

/** struct inet_diag_bc_op: u8 code, u8 yes, u16 no. */
const OP = 4;
/** struct inet_diag_hostcond without its address, struct inet_diag_markcond, a cgroup's id. */
const HOST_CONDITION = 8;
const MARK_CONDITION = 8;
const CGROUP_CONDITION = 8;
const DEVICE_CONDITION = 4;
const ANY_PORT = -1;

const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [AF_UNSPEC, 0],
  [AF_INET, 4],
  [AF_INET6, 16],
]);

/** What operations have behind them, in bytes; those with addresses say so themselves. */
const OPERANDS: ReadonlyMap<number, number> = new Map([
  [D.INET_DIAG_BC_NOP, 0],
  [D.INET_DIAG_BC_JMP, 0],
  [D.INET_DIAG_BC_AUTO, 0],
  [D.INET_DIAG_BC_S_EQ, OP],
  [D.INET_DIAG_BC_S_GE, OP],
  [D.INET_DIAG_BC_S_LE, OP],
  [D.INET_DIAG_BC_D_EQ, OP],
  [D.INET_DIAG_BC_D_GE, OP],
  [D.INET_DIAG_BC_D_LE, OP],
  [D.INET_DIAG_BC_DEV_COND, DEVICE_CONDITION],
  [D.INET_DIAG_BC_MARK_COND, MARK_CONDITION],
  [D.INET_DIAG_BC_CGROUP_COND, CGROUP_CONDITION],
]);

function hasAddress(code: number): boolean {
  return code === D.INET_DIAG_BC_S_COND || code === D.INET_DIAG_BC_D_COND;
}

/** Length of the operation there with all that belongs to it; 0: it is none. */
function lengthAt(bytes: Buffer, at: number): number {
  const code = bytes[at]!;
  const left = bytes.length - at;
  if (!hasAddress(code)) {
    const operands = OPERANDS.get(code);
    return operands === undefined || OP + operands > left ? 0 : OP + operands;
  }
  if (OP + HOST_CONDITION > left) return 0;
  const addressBytes = ADDRESS_BYTES.get(bytes[at + OP]!);
  if (addressBytes === undefined || bytes[at + OP + 1]! > addressBytes * 8) return 0;
  const length = OP + HOST_CONDITION + addressBytes;
  return length > left ? 0 : length;
}

/** Where a way from an operation leads: at or beyond its end, and at most one operation beyond the filter's. */
function isWay(way: number, length: number, left: number): boolean {
  return way >= length && way <= left + OP && (way & 3) === 0;
}

/** 0, -EINVAL, or -EPERM for who asks about marks without being an administrator. */
export function checkFilter(bytes: Buffer, isAdministrator: boolean): number {
  // Only what lies on the way of all the yeses is where a way of no may lead.
  const targets: number[] = [];
  const steps = new Set<number>();
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    if (left < OP) return -EINVAL;
    const length = lengthAt(bytes, at);
    if (length === 0) return -EINVAL;
    if (bytes[at] === D.INET_DIAG_BC_MARK_COND && !isAdministrator) return -EPERM;
    const [yes, no] = [bytes[at + 1]!, bytes.readUInt16LE(at + 2)];
    if (bytes[at] !== D.INET_DIAG_BC_NOP) {
      if (!isWay(no, length, left)) return -EINVAL;
      if (no < left) targets.push(at + no);
    }
    if (!isWay(yes, length, left)) return -EINVAL;
    steps.add(at);
    at += yes;
  }
  return at === bytes.length && targets.every((target) => steps.has(target)) ? 0 : -EINVAL;
}

/** Whether the first bits of an address are those of a condition's; of an IPv4 condition, those of its last word. */
function matches({ w0, w1, w2, w3 }: IpAddress, bytes: Buffer, at: number, bits: number): boolean {
  const words = bytes[at] === AF_INET ? [w3] : [w0, w1, w2, w3];
  return words.every((word, i) => {
    const counted = Math.min(32, bits - i * 32);
    if (counted <= 0) return true;
    const difference = word ^ bytes.readInt32BE(at + HOST_CONDITION + i * 4);
    return difference >>> (32 - counted) === 0;
  });
}

function isHost(bytes: Buffer, at: number, row: SocketRow, address: IpAddress, port: number): boolean {
  const wanted = bytes.readInt32LE(at + 4);
  if (wanted !== ANY_PORT && wanted !== port) return false;
  const [family, bits] = [bytes[at]!, bytes[at + 1]!];
  const isOfFamily = family === AF_UNSPEC || family === row.family;
  // IPv4 through a socket of IPv6.
  if (!isOfFamily && !(family === AF_INET && row.family === AF_INET6 && address.isV4)) return false;
  return bits === 0 || matches(address, bytes, at, bits);
}

/** Whether a socket passes a filter that was checked. */
export function passes(bytes: Buffer, row: SocketRow): boolean {
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at]!;
    const operand = at + OP;
    let isYes = true;
    switch (code) {
      case D.INET_DIAG_BC_JMP:
        isYes = false;
        break;
      case D.INET_DIAG_BC_S_EQ:
        isYes = row.localPort === bytes.readUInt16LE(operand + 2);
        break;
      case D.INET_DIAG_BC_S_GE:
        isYes = row.localPort >= bytes.readUInt16LE(operand + 2);
        break;
      case D.INET_DIAG_BC_S_LE:
        isYes = row.localPort <= bytes.readUInt16LE(operand + 2);
        break;
      case D.INET_DIAG_BC_D_EQ:
        isYes = row.remotePort === bytes.readUInt16LE(operand + 2);
        break;
      case D.INET_DIAG_BC_D_GE:
        isYes = row.remotePort >= bytes.readUInt16LE(operand + 2);
        break;
      case D.INET_DIAG_BC_D_LE:
        isYes = row.remotePort <= bytes.readUInt16LE(operand + 2);
        break;
      case D.INET_DIAG_BC_AUTO:
        isYes = !row.hasChosenPort;
        break;
      case D.INET_DIAG_BC_S_COND:
        isYes = isHost(bytes, operand, row, row.local, row.localPort);
        break;
      case D.INET_DIAG_BC_D_COND:
        isYes = isHost(bytes, operand, row, row.remote, row.remotePort);
        break;
      case D.INET_DIAG_BC_DEV_COND:
        isYes = row.device === bytes.readInt32LE(operand);
        break;
      case D.INET_DIAG_BC_MARK_COND:
        isYes = (row.mark & bytes.readInt32LE(operand + 4)) === bytes.readInt32LE(operand);
        break;
      case D.INET_DIAG_BC_CGROUP_COND:
        isYes = false;
        break;
    }
    at += isYes ? bytes[at + 1]! : bytes.readUInt16LE(at + 2);
    if (at > bytes.length) return false;
  }
  return true;
}
