// A segment that came in: its header and options, checked against what was received and read once into numbers. One
// object is filled for each segment in turn.

import type { Packet } from "../packet.ts";
import * as F from "./format.ts";

export class Segment {
  packet: Packet | null = null;
  flags = 0;
  seq = 0;
  ack = 0;
  /** As it stands in the header, not scaled. */
  window = 0;
  urgent = 0;
  /** Where its bytes stand in the packet's buffer, and how many they are. */
  at = 0;
  length = 0;
  /** The number behind the last that it takes: SYN and FIN take one each. */
  end = 0;

  // ---- Options ----

  /** 0: none. */
  mss = 0;
  /** -1: none. */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamp = false;
  tsValue = 0;
  tsEcho = 0;
  sackCount = 0;
  readonly sackStart = new Int32Array(F.SACK_BLOCKS_MAX);
  readonly sackEnd = new Int32Array(F.SACK_BLOCKS_MAX);

  get isSyn(): boolean {
    return (this.flags & F.SYN) !== 0;
  }

  get isFin(): boolean {
    return (this.flags & F.FIN) !== 0;
  }

  get isRst(): boolean {
    return (this.flags & F.RST) !== 0;
  }

  get hasAck(): boolean {
    return (this.flags & F.ACK) !== 0;
  }

  get isEcnCapable(): boolean {
    return (this.packet!.trafficClass & 3) !== 0;
  }

  /** The router marked it: congestion (RFC 3168). */
  get isMarked(): boolean {
    return (this.packet!.trafficClass & 3) === 3;
  }

  /** Reads a packet whose head stands at a TCP header; false: it is none. */
  read(packet: Packet): boolean {
    const { view, head } = packet;
    const all = packet.length;
    if (all < F.HEADER_MIN) return false;
    const header = (view.getUint8(head + F.DATA_OFFSET) >> 4) * 4;
    if (header < F.HEADER_MIN || header > all) return false;
    this.packet = packet;
    packet.sourcePort = view.getUint16(head + F.SOURCE_PORT);
    packet.destinationPort = view.getUint16(head + F.DESTINATION_PORT);
    this.flags = view.getUint8(head + F.FLAGS);
    this.seq = view.getInt32(head + F.SEQUENCE);
    this.ack = view.getInt32(head + F.ACKNOWLEDGEMENT);
    this.window = view.getUint16(head + F.WINDOW);
    this.urgent = view.getUint16(head + F.URGENT);
    this.at = head + header;
    this.length = all - header;
    this.end = (this.seq + this.length + (this.flags & F.FIN) + ((this.flags & F.SYN) === 0 ? 0 : 1)) | 0;
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.hasTimestamp = false;
    this.tsValue = 0;
    this.tsEcho = 0;
    this.sackCount = 0;
    if (header > F.HEADER_MIN) this.#readOptions(head + F.HEADER_MIN, this.at);
    return true;
  }

  // What is not well-formed ends the options.
  #readOptions(at: number, end: number): void {
    const { view } = this.packet!;
    const isSyn = this.isSyn;
    while (at < end) {
      const type = view.getUint8(at);
      if (type === F.OPTION_END) return;
      if (type === F.OPTION_NOP) {
        at++;
        continue;
      }
      if (at + 1 >= end) return;
      const size = view.getUint8(at + 1);
      if (size < 2 || at + size > end) return;
      switch (type) {
        case F.OPTION_TIMESTAMP:
          if (size !== F.TIMESTAMP_SIZE) break;
          this.hasTimestamp = true;
          this.tsValue = view.getInt32(at + 2);
          this.tsEcho = view.getInt32(at + 6);
          break;
        case F.OPTION_SACK: {
          const count = (size - F.SACK_BASE) / F.SACK_BLOCK;
          if (isSyn || count < 1 || count > F.SACK_BLOCKS_MAX || !Number.isInteger(count)) break;
          for (let i = 0; i < count; i++) {
            this.sackStart[i] = view.getInt32(at + F.SACK_BASE + i * F.SACK_BLOCK);
            this.sackEnd[i] = view.getInt32(at + F.SACK_BASE + i * F.SACK_BLOCK + 4);
          }
          this.sackCount = count;
          break;
        }
        case F.OPTION_MSS:
          if (size === F.MSS_SIZE && isSyn) this.mss = view.getUint16(at + 2);
          break;
        case F.OPTION_WINDOW_SCALE:
          if (size === F.WINDOW_SCALE_SIZE && isSyn)
            this.windowScale = Math.min(view.getUint8(at + 2), F.WINDOW_SCALE_MAX);
          break;
        case F.OPTION_SACK_PERMITTED:
          if (size === F.SACK_PERMITTED_SIZE && isSyn) this.sackPermitted = true;
          break;
      }
      at += size;
    }
  }
}
