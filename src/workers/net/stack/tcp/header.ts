// The header of a segment that goes out: what it says is filled into one object, which writes it before a packet's bytes.

import { IPPROTO_TCP } from "../../../../shared/abi/socket.ts";
import { pseudoSum } from "../checksum.ts";
import { CHECKSUM_PARTIAL, type Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import * as F from "./format.ts";

export class Header {
  sourcePort = 0;
  destinationPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  window = 0;
  urgent = 0;

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

  reset(sourcePort: number, destinationPort: number, seq: number, ack: number, flags: number): void {
    this.sourcePort = sourcePort;
    this.destinationPort = destinationPort;
    this.seq = seq;
    this.ack = ack;
    this.flags = flags;
    this.window = 0;
    this.urgent = 0;
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.hasTimestamp = false;
    this.tsValue = 0;
    this.tsEcho = 0;
    this.sackCount = 0;
  }

  timestamp(value: number, echo: number): void {
    this.hasTimestamp = true;
    this.tsValue = value;
    this.tsEcho = echo;
  }

  /** With options: a multiple of 4. */
  get size(): number {
    let size = F.HEADER_MIN;
    if (this.mss !== 0) size += F.MSS_SIZE;
    // SACK-permitted stands where the NOPs before a timestamp would.
    if (this.hasTimestamp) size += F.TIMESTAMP_ALIGNED;
    else if (this.sackPermitted) size += 4;
    if (this.windowScale >= 0) size += 4;
    if (this.sackCount > 0) size += F.SACK_BASE_ALIGNED + this.sackCount * F.SACK_BLOCK;
    return size;
  }

  /** Before the packet's bytes, which go that way; the device completes the checksum. */
  write(packet: Packet, flow: Flow): void {
    const { size } = this;
    const head = packet.push(size);
    const { view, length } = packet;
    view.setUint16(head + F.SOURCE_PORT, this.sourcePort);
    view.setUint16(head + F.DESTINATION_PORT, this.destinationPort);
    view.setInt32(head + F.SEQUENCE, this.seq);
    view.setInt32(head + F.ACKNOWLEDGEMENT, this.ack);
    view.setUint8(head + F.DATA_OFFSET, size << 2);
    view.setUint8(head + F.FLAGS, this.flags);
    view.setUint16(head + F.WINDOW, this.window);
    view.setUint16(head + F.URGENT, this.urgent);
    this.#writeOptions(packet, head + F.HEADER_MIN);
    view.setUint16(head + F.CHECKSUM, pseudoSum(flow, IPPROTO_TCP, length));
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = head;
    packet.checksumOffset = F.CHECKSUM;
  }

  #writeOptions({ view }: Packet, at: number): void {
    if (this.mss !== 0) {
      view.setInt32(at, (F.OPTION_MSS << 24) | (F.MSS_SIZE << 16) | this.mss);
      at += F.MSS_SIZE;
    }
    if (this.hasTimestamp || this.sackPermitted) {
      const before = this.sackPermitted
        ? (F.OPTION_SACK_PERMITTED << 8) | F.SACK_PERMITTED_SIZE
        : (F.OPTION_NOP << 8) | F.OPTION_NOP;
      const after = this.hasTimestamp
        ? (F.OPTION_TIMESTAMP << 8) | F.TIMESTAMP_SIZE
        : (F.OPTION_NOP << 8) | F.OPTION_NOP;
      view.setInt32(at, this.hasTimestamp ? (before << 16) | after : (after << 16) | before);
      at += 4;
    }
    if (this.hasTimestamp) {
      view.setInt32(at, this.tsValue);
      view.setInt32(at + 4, this.tsEcho);
      at += 8;
    }
    if (this.windowScale >= 0) {
      view.setInt32(
        at,
        (F.OPTION_NOP << 24) | (F.OPTION_WINDOW_SCALE << 16) | (F.WINDOW_SCALE_SIZE << 8) | this.windowScale,
      );
      at += 4;
    }
    if (this.sackCount === 0) return;
    const size = F.SACK_BASE + this.sackCount * F.SACK_BLOCK;
    view.setInt32(at, (F.OPTION_NOP << 24) | (F.OPTION_NOP << 16) | (F.OPTION_SACK << 8) | size);
    at += 4;
    for (let i = 0; i < this.sackCount; i++, at += F.SACK_BLOCK) {
      view.setInt32(at, this.sackStart[i]!);
      view.setInt32(at + 4, this.sackEnd[i]!);
    }
  }
}
