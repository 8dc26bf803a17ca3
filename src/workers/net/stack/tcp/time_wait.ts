// What is left of a connection that has ended, for a minute: late segments of it are known for what they are, its ports are
// not given to another one too soon (RFC 9293 3.6.1, RFC 7323 5.5). The same of one whose user is gone and that waits for
// the peer's FIN (FIN_WAIT2). A record is small; a peer that comes again with newer numbers may have the ports at once.

import type { PortGroup, PortUser } from "../inet/port_groups.ts";
import type { IpAddress } from "../ip_address.ts";
import { TIME_WAIT_US } from "./arm.ts";
import type { Connection } from "./connection.ts";
import { Conversation } from "./conversation.ts";
import * as F from "./format.ts";
import { sendPlainAck, sendReset } from "./reply.ts";
import type { Segment } from "./segment.ts";
import { after, before } from "./sequence.ts";
import * as S from "./states.ts";

export class TimeWait extends Conversation implements PortUser {
  substate: number;
  readonly local: IpAddress;
  readonly boundDevice: number;
  readonly v6only: boolean;
  readonly isAside: boolean;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly uid: number;
  readonly isListening = false;
  readonly isTimeWait = true;
  portGroup: PortGroup | null = null;
  readonly #tos: number;
  readonly #mark: number;
  rcvNxt: number;
  sndNxt: number;
  readonly #window: number;
  readonly #windowScale: number;

  constructor(c: Connection, substate: number) {
    super(c.tcp);
    const { endpoint } = c;
    this.setEnds(c, c.isV6, c.device);
    this.substate = substate;
    this.local = endpoint.local;
    this.boundDevice = endpoint.boundDevice;
    this.v6only = endpoint.v6only;
    this.isAside = endpoint.isAside;
    this.reuseAddress = endpoint.reuseAddress;
    this.reusePort = endpoint.reusePort;
    this.uid = endpoint.uid;
    this.#tos = c.isV6 ? endpoint.trafficClass : endpoint.tos;
    this.#mark = endpoint.mark;
    this.rcvNxt = c.rcvNxt;
    this.sndNxt = c.sndNxt;
    this.#window = c.receiveWindow;
    this.#windowScale = c.rcvWscale;
    this.tsOk = c.tsOk;
    this.tsRecent = c.tsRecent;
    this.tsRecentAge = c.tsRecentAge;
    this.tsOffset = c.tsOffset;
  }

  begin(timeUs: number): void {
    const { tcp } = this;
    tcp.table.add(this);
    tcp.bound.add(this, this.localPort, false);
    tcp.timeWaits++;
    this.#arm(timeUs);
  }

  #arm(timeUs: number): void {
    this.tcp.core.timers.schedule(this, this.nowUs + timeUs);
  }

  override expired(): void {
    if (this.substate === S.TCP_FIN_WAIT2) this.tcp.extended.TWKilled++;
    else this.tcp.extended.TW++;
    this.end();
  }

  /** The record is gone. */
  end(): void {
    const { tcp } = this;
    if (!this.isInTable) return;
    tcp.core.timers.remove(this);
    tcp.table.remove(this);
    tcp.bound.remove(this, false);
    tcp.timeWaits--;
  }

  #remember(segment: Segment): void {
    if (this.tsOk && segment.hasTimestamp) this.echo(segment.tsValue);
  }

  /** A segment for it (tcp_timewait_state_process); true: a SYN that may open another connection, once the record is gone. */
  input(segment: Segment): boolean {
    const { extended } = this.tcp;
    const isOld = this.isOlder(segment);
    if (this.substate === S.TCP_FIN_WAIT2) {
      this.#inputInFinWait2(segment, isOld);
      return false;
    }
    const isEmpty = segment.seq === segment.end;
    if (!isOld && segment.seq === this.rcvNxt && (isEmpty || segment.isRst)) {
      if (segment.isRst) {
        if (!this.tcp.settings.rfc1337) this.end();
        return false;
      }
      this.#arm(TIME_WAIT_US);
      this.#remember(segment);
      return false;
    }
    const isNew =
      after(segment.seq, this.rcvNxt) ||
      (this.tsOk && segment.hasTimestamp && ((this.tsRecent - segment.tsValue) | 0) < 0);
    if (segment.isSyn && !segment.isRst && !segment.hasAck && !isOld && isNew) return true;
    if (isOld) extended.PAWSEstab++;
    if (!segment.isRst) {
      if (!isOld || segment.hasAck) this.#arm(TIME_WAIT_US);
      this.#answer();
    }
    return false;
  }

  #inputInFinWait2(segment: Segment, isOld: boolean): void {
    const isInWindow =
      !before(segment.end, this.rcvNxt) && !after(segment.seq, (this.rcvNxt + this.#window) | 0);
    if (isOld || !isInWindow) {
      this.#answer();
      return;
    }
    if (segment.isRst) {
      this.end();
      return;
    }
    if (segment.isSyn && !before(segment.seq, this.rcvNxt)) {
      sendReset(this.tcp, segment);
      this.end();
      return;
    }
    if (!segment.hasAck || !after(segment.end, this.rcvNxt) || segment.end === segment.seq) return;
    // Bytes that nobody will read, or a FIN that is not the next number.
    if (!segment.isFin || segment.end !== ((this.rcvNxt + 1) | 0)) {
      sendReset(this.tcp, segment);
      this.end();
      return;
    }
    this.substate = S.TCP_TIME_WAIT;
    this.rcvNxt = segment.end;
    this.#remember(segment);
    this.#arm(TIME_WAIT_US);
    this.willAnswer();
    this.#answer();
  }

  #answer(): void {
    if (!this.mayAnswer()) {
      this.tcp.extended.TCPACKSkippedTimeWait++;
      return;
    }
    const window = Math.min(this.#window >>> this.#windowScale, F.WINDOW_MAX);
    sendPlainAck(this, this.#mark, this.sndNxt, this.rcvNxt, window, this.#tos & ~3);
  }

  /** Whether a new connection may take its ends (tcp_twsk_unique): its timestamps tell old segments from new ones. */
  mayBeReused(): boolean {
    const { timeWaitReuse } = this.tcp.settings;
    if (timeWaitReuse === 0 || !this.tsOk) return false;
    if (timeWaitReuse === 2 && !(this.local3 >>> 24 === 127 || this.local.isLoopback)) return false;
    return this.nowS > this.tsRecentAge;
  }
}
