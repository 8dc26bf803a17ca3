// A guest's thread as the kernel thread NET knows it: a served task (served_task.ts), of whom it is told with each call that is
// passed who it is, and which socket the call's descriptor names.

import { initialCredentials } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { NetCaller } from "../net/caller.ts";
import type { NetContext } from "../net/context.ts";
import * as M from "./messages.ts";
import type { OwnedSocket } from "./owned_sockets.ts";
import { ServedCall, ServedTask, type ServingContext } from "./served_task.ts";

type NetCallContext = NetContext & ServingContext;

const JUDGED = { allows: () => false };

export class NetTask extends ServedTask implements NetCaller {
  readonly kernel: NetCallContext;
  readonly call: ServedCall;
  readonly files = { id: 0, get: () => this.socket?.file };
  /** What the call's descriptor names. */
  socket: OwnedSocket | null = null;
  /** Of the next call, which thread 0 has judged by them; null: they stand in its slot. */
  arguments: Int32Array | null = null;
  /** Who it is, and its table, are as they were last told. */
  isKnown = false;

  constructor(kernel: NetCallContext, slot: number) {
    super(kernel);
    this.kernel = kernel;
    this.call = new ServedCall(this, kernel, slot);
  }

  /** Thread 0 passes what may be made; its arguments come with it where that depends on them. */
  override get seccomp(): typeof JUDGED | null {
    return this.arguments === null ? null : JUDGED;
  }

  override judge(): null {
    if (this.arguments !== null) this.call.frame.setArguments(this.arguments);
    this.arguments = null;
    return null;
  }

  override beforeReply(): void {
    this.socket?.publish();
  }

  /** Its slot has been passed, with a call. */
  take(record: Int32Array, socket: OwnedSocket | null, users: UserNamespace): void {
    const { call } = this;
    call.cancelWait(); // of a stub that has broken the protocol
    call.takeBack(record[M.SEQUENCE]!, record[M.NR]!);
    this.socket = socket;
    this.signal = 0;
    this.files.id = record[M.CALL_TABLE]!;
    this.isKnown = true;
    this.identify(record, users);
  }

  /** Who it is stands in a record, but for the user namespace. */
  identify(record: Int32Array, users: UserNamespace): void {
    this.firstTid = record[M.FIRST_TID]!;
    this.firstPid = record[M.FIRST_PID]!;
    this.pid = record[M.PID]!;
    this.#identify(
      record[M.CALLER_EUID]! >>> 0,
      record[M.CALLER_EGID]! >>> 0,
      record[M.CAPABILITIES_LOW]!,
      record[M.CAPABILITIES_HIGH]!,
      users,
    );
  }

  /** It has posted a call itself, on a descriptor that is known. */
  begin(sequence: number, nr: number, socket: OwnedSocket): void {
    const { call } = this;
    this.arguments = null;
    call.cancelWait();
    call.takeBack(sequence, nr);
    this.socket = socket;
    this.signal = 0;
  }

  #identify(
    euid: number,
    egid: number,
    effectiveLow: number,
    effectiveHigh: number,
    userNamespace: UserNamespace,
  ): void {
    const old = this.credentials;
    const isSame = old.euid === euid && old.egid === egid && old.userNamespace === userNamespace;
    if (isSame && old.effectiveLow === effectiveLow && old.effectiveHigh === effectiveHigh) return;
    this.credentials = {
      ...initialCredentials(euid, egid, [], userNamespace),
      effectiveLow,
      effectiveHigh,
    };
  }

  override end(): void {
    super.end();
    this.socket = null;
  }
}
