// Calls on one descriptor of a host socket (native/host/sockets.c): names, values and control messages cross by the scratch
// area. None waits.

import { EFAULT } from "../../../shared/abi/errno.ts";
import type { Native } from "../../native.ts";
import type { Address } from "../socket.ts";

/** Where things stand in the scratch area. */
const NAME_SIZE = 128;
const RESULT = NAME_SIZE;
const CONTROL = 144;
const VALUE_MAX = 4096;
const NO_CONTROL = Buffer.alloc(0);

/** What was received: how many bytes, and what goes with them. */
export interface HostReceived {
  readonly length: number;
  readonly flags: number;
  readonly address: Address;
  readonly control: Buffer;
}

export class HostCalls {
  readonly #native: Native;
  readonly fd: number;

  constructor(native: Native, fd: number) {
    this.#native = native;
    this.fd = fd;
  }

  #setName(address: Address): number {
    if (address.length > NAME_SIZE) return -EFAULT;
    const { scratch } = this.#native;
    for (let i = 0; i < address.length; i++) scratch[i] = address.charCodeAt(i);
    return address.length;
  }

  #nameOf(length: number): Address {
    if (length === 0) return "";
    const { scratch } = this.#native;
    return Buffer.from(scratch.buffer, scratch.byteOffset, Math.min(length, NAME_SIZE)).toString("latin1");
  }

  bind(address: Address): number {
    const length = this.#setName(address);
    return length < 0 ? length : this.#native.socketBind(this.fd, length);
  }

  connect(address: Address): number {
    const length = this.#setName(address);
    return length < 0 ? length : this.#native.socketConnect(this.fd, length);
  }

  listen(backlog: number): number {
    return this.#native.socketListen(this.fd, backlog);
  }

  /** The descriptor of the next connection. */
  accept(): number {
    return this.#native.socketAccept(this.fd);
  }

  shutdown(how: number): number {
    return this.#native.socketShutdown(this.fd, how);
  }

  name(isPeer: boolean): Address | number {
    const length = this.#native.socketName(this.fd, Number(isPeer));
    return length < 0 ? length : this.#nameOf(length);
  }

  get(level: number, name: number, room: number): Buffer | number {
    const length = this.#native.socketGet(this.fd, level, name, Math.min(room, VALUE_MAX));
    return length < 0 ? length : Buffer.from(this.#native.scratch.subarray(0, Math.min(length, room)));
  }

  set(level: number, name: number, value: Uint8Array): number {
    this.#native.scratch.set(value.subarray(0, VALUE_MAX));
    return this.#native.socketSet(this.fd, level, name, Math.min(value.length, VALUE_MAX));
  }

  count(request: number): number {
    return this.#native.socketCount(this.fd, request);
  }

  poll(events: number): number {
    return this.#native.pollOne(this.fd, events, 0);
  }

  send(data: Uint8Array, flags: number, address: Address, control: Uint8Array): number {
    const nameLength = this.#setName(address);
    if (nameLength < 0) return nameLength;
    this.#native.scratch.set(control, CONTROL);
    return this.#native.socketSend(this.fd, data, data.length, flags, nameLength, control.length);
  }

  /** Receives up to so many bytes, and nothing that goes with them, into the scratch area. */
  take(length: number): number {
    return this.#native.socketTake(this.fd, length);
  }

  /** Receives up to `room` bytes into an array. */
  receive(into: Uint8Array, room: number, flags: number, controlRoom: number): HostReceived | number {
    return this.#received(this.#native.socketReceive(this.fd, into, room, flags, controlRoom), controlRoom);
  }

  /** As receive(), of bytes of a stream that stay and stand behind `skip` others; -EAGAIN: there are none. */
  peek(
    into: Uint8Array,
    room: number,
    flags: number,
    controlRoom: number,
    skip: number,
  ): HostReceived | number {
    const length = this.#native.socketPeek(this.fd, into, room, flags, controlRoom, skip);
    return this.#received(length, controlRoom);
  }

  // The last that was received, so many bytes, or its negative errno.
  #received(length: number, controlRoom: number): HostReceived | number {
    if (length < 0) return length;
    const { scratch, scratchView } = this.#native;
    const controlLength = Math.min(scratchView.getUint32(RESULT + 4, true), controlRoom);
    return {
      length,
      flags: scratchView.getInt32(RESULT + 8, true),
      address: this.#nameOf(scratchView.getUint32(RESULT, true)),
      control:
        controlLength === 0 ? NO_CONTROL : Buffer.from(scratch.subarray(CONTROL, CONTROL + controlLength)),
    };
  }
}
