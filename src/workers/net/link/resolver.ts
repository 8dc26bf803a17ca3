// The name server that container engines have in a container's network namespace, at 127.0.0.11 (Docker's, on networks that
// users define): it answers on the host's side, so questions that programs in the sandbox put to that address go through a
// socket of the host's, which the keeper has made, and answers come back the same way.
//
// Questions of many askers go through one socket: each gets a number of its own on the way (RFC 1035 4.1.1), and its asker's
// back with the answer. Those that nobody has answered are forgotten in the order in which they came.

import { ECONNREFUSED } from "../../../shared/abi/errno.ts";
import { POLLERR, POLLIN } from "../../../shared/abi/poll.ts";
import type { NetContext } from "../context.ts";
import { Message } from "../stack/datagram/message.ts";
import { IpAddress } from "../stack/ip_address.ts";
import type { Stack } from "../stack/stack.ts";
import { UdpEndpoint } from "../stack/udp/endpoint.ts";

const ADDRESS = IpAddress.v4(0x7f00000b);
const PORT = 53;
/** Ports that the host's side keeps for what the name server asks of others: HOST_PORT_MIN and HOST_PORT_MAX of keeper.h. */
const HOST_PORT_MIN = 60000;
const HOST_PORT_MAX = 60999;

const HEADER = 12;
const FLAGS = 2;
const IS_ANSWER = 0x80;
const CODE = 3;
const SERVER_FAILED = 2;
const OTHER_COUNTS = 6;
/** Longer questions are dropped; answers are as long as a datagram may be (EDNS, RFC 6891). */
const QUESTION_MAX = 4096;
const ANSWER_MAX = 65536;
/** Questions that wait for answers, and the longest that is kept to say that there is none. */
const WAITING_MAX = 1024;
const KEPT_MAX = 512;
const AT_ONCE = 4;
/** Of those that nobody will answer, so many are told so in one turn. */
const REFUSED_A_TURN = 64;
const IDS = 65536;

interface Question {
  readonly asker: IpAddress;
  readonly port: number;
  readonly id: number;
  /** Null: it is too long to be kept. */
  readonly bytes: Buffer | null;
}

export class Resolver {
  static readonly address = ADDRESS;
  static readonly port = PORT;
  readonly #kernel: NetContext;
  readonly #fd: number;
  readonly #stack: Stack;
  readonly #endpoint: UdpEndpoint;
  readonly #message = new Message();
  readonly #question = Buffer.alloc(QUESTION_MAX);
  readonly #answers = Buffer.allocUnsafeSlow(AT_ONCE * ANSWER_MAX);
  readonly #waiting = new Map<number, Question>();
  /** Questions that nobody will answer, whose askers were not told yet. */
  readonly #unanswered: Question[] = [];
  #isRefusing = false;
  #lastId = 0;

  constructor(kernel: NetContext, fd: number) {
    this.#kernel = kernel;
    this.#fd = fd;
    this.#stack = kernel.network.inet.stack;
    const { settings } = this.#stack.core;
    settings.hostPortMin = HOST_PORT_MIN;
    settings.hostPortMax = HOST_PORT_MAX;
    this.#endpoint = new UdpEndpoint(this.#stack.udp, false);
    this.#endpoint.isAside = true;
    this.#endpoint.bind(ADDRESS, PORT);
    this.#endpoint.observer = { becameReadable: () => this.#asked(), failed: () => {} };
    kernel.sleep.add(fd, POLLIN, (events) => this.#ready(events));
  }

  #asked(): void {
    for (let packet = this.#endpoint.receive(); packet !== null; packet = this.#endpoint.receive()) {
      const { length } = packet;
      if (length >= HEADER && length <= QUESTION_MAX) {
        this.#question.set(packet.data());
        this.#ask(this.#question.subarray(0, length), packet.sourceAddress, packet.sourcePort);
      }
      packet.release();
    }
  }

  #ask(bytes: Buffer, asker: IpAddress, port: number): void {
    const { native } = this.#kernel;
    if (this.#waiting.size >= WAITING_MAX) {
      const [oldest] = this.#waiting.keys();
      this.#waiting.delete(oldest!);
    }
    do this.#lastId = (this.#lastId + 1) % IDS;
    while (this.#waiting.has(this.#lastId));
    const question: Question = {
      asker,
      port,
      id: bytes.readUInt16BE(0),
      bytes: bytes.length > KEPT_MAX ? null : Buffer.from(bytes),
    };
    bytes.writeUInt16BE(this.#lastId, 0);
    native.scratchWords[0] = 0;
    native.scratchWords[1] = bytes.length;
    const sent = native.framesSend(this.#fd, this.#question, 1);
    if (sent === -ECONNREFUSED) {
      // An earlier one's, perhaps: this one was not sent.
      this.#noServer();
      this.#refuse(question);
    } else if (sent > 0) this.#waiting.set(this.#lastId, question);
  }

  #ready(events: number): void {
    const {
      native,
      network: { inet },
      sleep,
    } = this.#kernel;
    this.#stack.advance(sleep.nowNs / 1000);
    const count = native.framesReceive(this.#fd, this.#answers, ANSWER_MAX, AT_ONCE);
    if (count === -ECONNREFUSED || (count < 0 && (events & POLLERR) !== 0)) this.#noServer();
    const lengths = Array.from(native.scratchWords.subarray(0, Math.max(0, count)));
    for (const [i, length] of lengths.entries())
      if (length >= HEADER) this.#answer(this.#answers.subarray(i * ANSWER_MAX, i * ANSWER_MAX + length));
    inet.deliver(this.#stack);
  }

  #answer(bytes: Buffer): void {
    const id = bytes.readUInt16BE(0);
    const question = this.#waiting.get(id);
    if (question === undefined) return;
    this.#waiting.delete(id);
    bytes.writeUInt16BE(question.id, 0);
    this.#tell(question, bytes);
  }

  #tell({ asker, port }: Question, bytes: Buffer): void {
    this.#endpoint.takeError();
    this.#endpoint.send(bytes, this.#message.to(asker, port));
  }

  /** Nobody listens on the host's side: who waits is told so. */
  #noServer(): void {
    if (this.#waiting.size === 0) return;
    this.#unanswered.push(...this.#waiting.values());
    this.#waiting.clear();
    this.#unanswered.splice(0, Math.max(0, this.#unanswered.length - WAITING_MAX));
    if (this.#isRefusing) return;
    this.#isRefusing = true;
    this.#kernel.steps.later(() => this.#refuseSome());
  }

  /** A part of them; true: those were all. */
  #refuseSome(): boolean {
    const { inet } = this.#kernel.network;
    inet.advance(this.#stack);
    for (const question of this.#unanswered.splice(0, REFUSED_A_TURN)) this.#refuse(question);
    inet.deliver(this.#stack);
    this.#isRefusing = this.#unanswered.length > 0;
    return !this.#isRefusing;
  }

  #refuse(question: Question): void {
    const { bytes } = question;
    if (bytes === null) return;
    bytes[FLAGS]! |= IS_ANSWER;
    bytes[CODE] = (bytes[CODE]! & 0xf0) | SERVER_FAILED;
    bytes.fill(0, OTHER_COUNTS, HEADER);
    this.#tell(question, bytes);
  }
}
