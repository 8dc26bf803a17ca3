// A link of the host: a packet socket with PACKET_VNET_HDR, or a TAP device with virtio headers, as a device of the stack.
// Frames come in and go out in batches. What is sent is copied to a buffer and handed to the host at the end of the stack's
// turn; where the host takes no more, it waits there, and what comes while the buffer is full is dropped, as a full queue
// of Linux's drops.
//
// What comes in is anybody's: it is checked here and by each protocol against the length that was received.

import { EAGAIN } from "../../../shared/abi/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../../shared/abi/poll.ts";
import type { Native } from "../../native.ts";
import type { SleepSet } from "../../sleep_set.ts";
import type { StackCore } from "../stack/core.ts";
import type { DeviceAttributes } from "../stack/device.ts";
import { EthernetDevice, type LinkLayer } from "../stack/eth/device.ts";
import { GSO_TCPV4, GSO_TCPV6 } from "../stack/offload/segments.ts";
import * as Virtio from "../stack/offload/virtio.ts";
import type { Packet } from "../stack/packet.ts";
import { FRAME_MAX, FRAMES_AT_ONCE, SEND_BYTES } from "./frame_buffers.ts";

const TRUNCATED = 0x80000000;
/** Segments that hosts cut up themselves; those of UDP from Linux 6.2 on, so they are cut up here. */
const SEGMENTS = (1 << GSO_TCPV4) | (1 << GSO_TCPV6);

/** What a host link uses of its kernel thread. */
export interface HostLinkContext {
  readonly native: Native;
  readonly sleep: SleepSet;
}

/** Whoever has the stack, around the frames of a batch. */
export interface FrameUser {
  begin(): void;
  end(): void;
}

/** How frames are moved: packet sockets in batches, TAP devices one by one. */
export type HostLinkKind = "packet" | "tap";

export class HostDevice extends EthernetDevice {
  readonly #context: HostLinkContext;
  readonly #core: StackCore;
  readonly #kind: HostLinkKind;
  readonly #received: Buffer;
  readonly #user: FrameUser;
  #fd: number;
  #cookie = -1;
  #waitsToSend = false;
  /** Frames that wait: their bytes, and where each is. */
  readonly #waiting = Buffer.allocUnsafeSlow(SEND_BYTES);
  readonly #offsets = new Uint32Array(FRAMES_AT_ONCE);
  readonly #lengths = new Uint32Array(FRAMES_AT_ONCE);
  #count = 0;
  #end = 0;
  /** Frames that were cut off by the host, or say of themselves what cannot be. */
  rxTruncated = 0;

  constructor(
    context: HostLinkContext,
    kind: HostLinkKind,
    fd: number,
    attributes: DeviceAttributes,
    mac: Uint8Array,
    core: StackCore,
    links: LinkLayer,
    received: Buffer,
    user: FrameUser,
  ) {
    super(attributes, mac, core, links, true);
    this.segments = SEGMENTS;
    this.#context = context;
    this.#core = core;
    this.#kind = kind;
    this.#fd = fd;
    this.#received = received;
    this.#user = user;
    this.#cookie = context.sleep.add(fd, POLLIN, (events) => this.#ready(events));
  }

  /** The link is gone: nothing is sent or received any more. */
  close(): void {
    if (this.#fd < 0) return;
    if (this.#cookie >= 0) this.#context.sleep.remove(this.#fd, this.#cookie);
    this.#context.native.close(this.#fd);
    this.#fd = -1;
    this.#count = 0;
    this.#end = 0;
  }

  #ready(events: number): void {
    if ((events & POLLOUT) !== 0) this.flush();
    if ((events & (POLLIN | POLLERR | POLLHUP)) !== 0) this.#receive();
  }

  // ---- Receiving ----

  #receive(): void {
    const { native } = this.#context;
    const receive = this.#kind === "tap" ? native.tapReceive : native.framesReceive;
    const count = receive(this.#fd, this.#received, FRAME_MAX, FRAMES_AT_ONCE);
    // ENETDOWN is told once, when the link goes down.
    if (count < 0) return;
    this.#user.begin();
    const { pools } = this.#core;
    for (let i = 0; i < count; i++) {
      const word = native.scratchWords[i]! >>> 0;
      const length = word & ~TRUNCATED;
      if ((word & TRUNCATED) !== 0 || length > FRAME_MAX) {
        this.rxTruncated++;
        this.rxErrors++;
        continue;
      }
      const packet = pools.take(length);
      if (packet === null || length > packet.limit - packet.head) {
        packet?.release();
        this.rxDropped++;
        continue;
      }
      this.#received.copy(packet.bytes, packet.head, i * FRAME_MAX, i * FRAME_MAX + length);
      packet.end = packet.head + length;
      if (Virtio.read(packet)) this.frameCame(packet);
      else {
        this.rxErrors++;
        packet.release();
      }
    }
    this.#user.end();
  }

  // ---- Sending ----

  protected override transmit(frame: Packet): void {
    Virtio.write(frame);
    const { length } = frame;
    if (this.#count === FRAMES_AT_ONCE) this.flush();
    if (this.#fd < 0 || this.#count === FRAMES_AT_ONCE || length > SEND_BYTES - this.#end) {
      this.txDropped++;
      frame.release();
      return;
    }
    if (this.#count === 0) this.#core.toFlush(this);
    this.#waiting.set(frame.data(), this.#end);
    this.#offsets[this.#count] = this.#end;
    this.#lengths[this.#count++] = length;
    this.#end += length;
    frame.release();
  }

  /** Hands to the host what waits, as far as it takes it. */
  override flush(): void {
    const { native } = this.#context;
    const send = this.#kind === "tap" ? native.tapSend : native.framesSend;
    let at = 0;
    while (at < this.#count) {
      for (let i = at; i < this.#count; i++) {
        native.scratchWords[2 * (i - at)] = this.#offsets[i]!;
        native.scratchWords[2 * (i - at) + 1] = this.#lengths[i]!;
      }
      const sent = send(this.#fd, this.#waiting, this.#count - at);
      if (sent === -EAGAIN) break;
      // Of one that the host refuses (ENETDOWN, EMSGSIZE, EINVAL, ENOBUFS) the others still may go.
      if (sent <= 0) {
        this.txDropped++;
        at++;
      } else at += sent;
    }
    this.#keep(at);
    this.#waitToSend(this.#count > 0);
  }

  /** The first so many are gone. */
  #keep(at: number): void {
    const left = this.#count - at;
    if (left === 0) this.#end = 0;
    else if (at > 0) {
      const start = this.#offsets[at]!;
      this.#waiting.copyWithin(0, start, this.#end);
      for (let i = 0; i < left; i++) {
        this.#offsets[i] = this.#offsets[at + i]! - start;
        this.#lengths[i] = this.#lengths[at + i]!;
      }
      this.#end -= start;
    }
    this.#count = left;
  }

  #waitToSend(waits: boolean): void {
    if (waits === this.#waitsToSend || this.#fd < 0) return;
    this.#waitsToSend = waits;
    this.#context.sleep.modify(this.#fd, waits ? POLLIN | POLLOUT : POLLIN, this.#cookie);
  }

  /** Frames that wait for the host. */
  get waiting(): number {
    return this.#count;
  }
}
