// A link of the host: a packet socket with PACKET_VNET_HDR, or a TAP device with virtio headers, as a device of the stack.
// Frames come in and go out in batches. What is sent is handed to the host when the calls that sent it have been answered
// (PassEnd); where the host takes no more, it waits, and what comes while a batch waits is dropped, as a full queue of
// Linux's drops.
//
// What comes in is anybody's: it is checked here and by each protocol against the length that was received.

import { EAGAIN } from "../../../shared/abi/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../../shared/abi/poll.ts";
import type { AtPassEnd, PassEnd } from "../../call/pass_end.ts";
import type { Native } from "../../native.ts";
import type { SleepSet } from "../../sleep_set.ts";
import type { StackCore } from "../stack/core.ts";
import type { DeviceAttributes } from "../stack/device.ts";
import { EthernetDevice, type LinkLayer } from "../stack/eth/device.ts";
import { GSO_TCPV4, GSO_TCPV6 } from "../stack/offload/segments.ts";
import * as Virtio from "../stack/offload/virtio.ts";
import type { Packet } from "../stack/packet.ts";
import { FRAME_MAX, FRAMES_AT_ONCE, type FrameBuffers } from "./frame_buffers.ts";

const TRUNCATED = 0x80000000;
/** So long frames are written one after the other, mostly; so many of them go together. */
const LONG = 32768;
const LONG_AT_ONCE = 12;
/** Passes of the thread's loop that the next is waited for: short ones without requests, of a tenth of a microsecond. */
const PASSES = 60;
/** Frames that are waited for at least. */
const BATCH_MIN = 4;
/** Segments that hosts cut up themselves; those of UDP from Linux 6.2 on, so they are cut up here. */
const SEGMENTS = (1 << GSO_TCPV4) | (1 << GSO_TCPV6);

/** What a host link uses of its kernel thread. */
export interface HostLinkContext {
  readonly native: Native;
  readonly sleep: SleepSet;
  readonly passEnd: PassEnd;
}

/** Whoever has the stack, around the frames of a batch. */
export interface FrameUser {
  begin(): void;
  end(): void;
}

/** How frames are moved: packet sockets in batches, TAP devices one by one. */
export type HostLinkKind = "packet" | "tap";

export class HostDevice extends EthernetDevice implements AtPassEnd {
  readonly #context: HostLinkContext;
  readonly #kind: HostLinkKind;
  readonly #buffers: FrameBuffers;
  readonly #user: FrameUser;
  #fd: number;
  #cookie = -1;
  #waitsToSend = false;
  /** It sends at the end of the pass. */
  #isDue = false;
  /** Frames that were counted at the end of the last pass, and passes that more are waited for. */
  #counted = 0;
  #patience = 0;
  /** Frames that wait for the host. */
  readonly #waiting: Packet[] = [];
  /** What the host said of those that came. */
  readonly #came = new Uint32Array(FRAMES_AT_ONCE);
  /** How many are waited for: the more, the more came. */
  #batch = BATCH_MIN;
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
    buffers: FrameBuffers,
    user: FrameUser,
  ) {
    super(attributes, mac, core, links, true);
    this.segments = SEGMENTS;
    this.#context = context;
    this.#kind = kind;
    this.#fd = fd;
    this.#buffers = buffers;
    this.#user = user;
    this.#cookie = context.sleep.add(fd, POLLIN, (events) => this.#ready(events));
  }

  /** The link is gone: nothing is sent or received any more. */
  override close(): void {
    if (this.#fd < 0) return;
    // What was sent while it was there, in this pass.
    if (this.#isDue) this.#send();
    if (this.#cookie >= 0) this.#context.sleep.remove(this.#fd, this.#cookie);
    this.#context.native.close(this.#fd);
    this.#fd = -1;
    for (const frame of this.#waiting.splice(0)) frame.release();
  }

  #ready(events: number): void {
    if ((events & POLLOUT) !== 0) this.#send();
    if ((events & (POLLIN | POLLERR | POLLHUP)) !== 0) this.#receive();
  }

  // ---- Receiving ----

  #receive(): void {
    const { native } = this.#context;
    const buffers = this.#buffers;
    const receive = this.#kind === "tap" ? native.tapFill : native.framesFill;
    const listed = buffers.list(this.#batch);
    const count = receive(this.#fd, listed);
    this.#batch = Math.min(FRAMES_AT_ONCE, count === listed ? 2 * listed : Math.max(BATCH_MIN, count + 1));
    // ENETDOWN is told once, when the link goes down.
    if (count < 0) {
      buffers.giveBack();
      return;
    }
    for (let i = 0; i < count; i++) this.#came[i] = native.scratchWords[i]!;
    this.#user.begin();
    for (let i = 0; i < count; i++) {
      const word = this.#came[i]!;
      const length = word & ~TRUNCATED;
      if ((word & TRUNCATED) !== 0 || length > FRAME_MAX) {
        this.rxTruncated++;
        this.rxErrors++;
        continue;
      }
      const packet = buffers.take(i, length);
      if (packet === null) {
        this.rxDropped++;
        continue;
      }
      if (Virtio.read(packet)) this.frameCame(packet);
      else {
        this.rxErrors++;
        packet.release();
      }
    }
    buffers.giveBack();
    this.#user.end();
  }

  // ---- Sending ----

  protected override transmit(frame: Packet): void {
    Virtio.write(frame);
    const waiting = this.#waiting;
    if (waiting.length === FRAMES_AT_ONCE) this.#send();
    if (this.#fd < 0 || waiting.length === FRAMES_AT_ONCE) {
      this.txDropped++;
      frame.release();
      return;
    }
    waiting.push(frame);
    if (this.#isDue || this.#waitsToSend) return;
    this.#isDue = true;
    this.#context.passEnd.add(this);
  }

  passEnds(isLast: boolean, passes: number): boolean {
    if (!isLast && this.#expectsMore(passes)) return false;
    this.#isDue = false;
    this.#send();
    return true;
  }

  // Whoever writes long frames one after the other comes with the next before the thread has looked round many times.
  // What goes together wakes its receiver once, and a wake-up of another CPU takes as long as a third of a long frame.
  #expectsMore(passes: number): boolean {
    const { length } = this.#waiting;
    if (length === 0 || length >= LONG_AT_ONCE || this.#waiting[length - 1]!.length < LONG) return false;
    if (length !== this.#counted) {
      this.#counted = length;
      this.#patience = PASSES;
      return true;
    }
    this.#patience -= passes;
    return this.#patience > 0;
  }

  // Hands to the host what waits, as far as it takes it.
  #send(): void {
    const { native } = this.#context;
    const send = this.#kind === "tap" ? native.tapEmpty : native.framesEmpty;
    const waiting = this.#waiting;
    let at = 0;
    while (at < waiting.length) {
      for (let i = at; i < waiting.length; i++) this.#buffers.put(i - at, waiting[i]!);
      const sent = send(this.#fd, waiting.length - at);
      if (sent === -EAGAIN) break;
      // Of one that the host refuses (ENETDOWN, EMSGSIZE, EINVAL, ENOBUFS) the others still may go.
      if (sent <= 0) this.txDropped++;
      for (const end = at + Math.max(1, sent); at < end; at++) waiting[at]!.release();
    }
    this.#counted = 0;
    waiting.copyWithin(0, at);
    waiting.length -= at;
    this.#waitToSend(waiting.length > 0);
  }

  #waitToSend(waits: boolean): void {
    if (waits === this.#waitsToSend || this.#fd < 0) return;
    this.#waitsToSend = waits;
    this.#context.sleep.modify(this.#fd, waits ? POLLIN | POLLOUT : POLLIN, this.#cookie);
  }

  /** Frames that wait for the host. */
  get waiting(): number {
    return this.#waiting.length;
  }
}
