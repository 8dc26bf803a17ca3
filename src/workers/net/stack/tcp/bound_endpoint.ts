// The names of a TCP endpoint: its port among those of others (bound_ports.ts), its place among those that listen, and what a
// connection has of the endpoint that it came to.

import * as E from "../../../../shared/abi/errno.ts";
import { IPPROTO_TCP } from "../../../../shared/abi/socket.ts";
import { InetEndpoint } from "../inet/endpoint.ts";
import type { PortUser } from "../inet/port_groups.ts";
import type { TcpObserver } from "./connection.ts";
import type { TcpContext } from "./context.ts";
import type { Ends } from "./isn.ts";
import { DEFAULT_OPTIONS, type TcpOptions } from "./options.ts";

export abstract class BoundEndpoint extends InetEndpoint implements PortUser {
  readonly tcp: TcpContext;
  override readonly protocol = IPPROTO_TCP;
  override observer: TcpObserver | null = null;
  /** Shared with others: setOption makes another. */
  options = DEFAULT_OPTIONS;
  /** IP_MINTTL, IPV6_MINHOPCOUNT; 0: any. */
  minHopLimit4 = 0;
  minHopLimit6 = 0;
  readonly isTimeWait = false;
  /** It has its port by its own wish, not by connecting. */
  protected ownsPort = false;

  constructor(tcp: TcpContext, isV6: boolean) {
    super(tcp.core, isV6);
    this.tcp = tcp;
  }

  /** An option of those that are looked at when they matter. */
  setOption<K extends keyof TcpOptions>(name: K, value: TcpOptions[K]): void {
    this.options = this.tcp.optionChanges.with(this.options, name, value);
  }

  abstract get isListening(): boolean;

  protected override takePort(wanted: number): number {
    if (wanted === 0 && this.options.bindsAddressAlone) return 0;
    const port = this.tcp.bound.choose(this, wanted);
    if (port < 0) return port;
    if (this.tcp.isFull) return -E.ENOBUFS;
    this.localPort = port;
    this.ownsPort = true;
    return 0;
  }

  override autobind(): number {
    if (this.localPort !== 0) return 0;
    let error = 0;
    this.rehash(() => {
      const port = this.tcp.bound.choose(this, 0);
      if (port < 0) error = port;
      else {
        this.localPort = port;
        this.ownsPort = true;
      }
    });
    return error === -E.EADDRINUSE ? -E.EAGAIN : error;
  }

  protected override rehash(change: () => void): void {
    this.unhash();
    change();
    this.hash();
    this.way = null;
  }

  override optionsChanged(): void {
    super.optionsChanged();
    this.tcp.bound.changed(this, this.ownsPort);
  }

  protected hash(): void {
    if (this.localPort === 0) return;
    this.tcp.bound.add(this, this.localPort, this.ownsPort);
    if (!this.isListening) return;
    this.tcp.listeners.add(this);
    this.tcp.listening?.begun(this);
  }

  protected unhash(): void {
    if (this.portGroup === null) return;
    this.tcp.bound.remove(this, this.ownsPort);
    if (!this.isListening) return;
    this.tcp.listeners.remove(this);
    this.tcp.listening?.ended(this);
  }

  protected inherit(parent: BoundEndpoint, ends: Ends, device: number): void {
    this.options = parent.options;
    this.setOption("deferAccept", 0);
    this.uid = parent.uid;
    this.gid = parent.gid;
    this.v6only = parent.v6only;
    this.isAside = parent.isAside;
    this.reuseAddress = parent.reuseAddress;
    this.reusePort = parent.reusePort;
    this.boundDevice = parent.boundDevice || device;
    this.bindsAnywhere = parent.bindsAnywhere;
    this.staysOnLink = parent.staysOnLink;
    this.mark = parent.mark;
    this.hopLimit4 = parent.hopLimit4;
    this.hopLimit6 = parent.hopLimit6;
    this.minHopLimit4 = parent.minHopLimit4;
    this.minHopLimit6 = parent.minHopLimit6;
    this.tos = parent.tos;
    this.trafficClass = parent.trafficClass;
    this.discovery4 = parent.discovery4;
    this.discovery6 = parent.discovery6;
    this.receivesErrors4 = parent.receivesErrors4;
    this.receivesErrors6 = parent.receivesErrors6;
    this.local = this.core.addresses.fromWords(ends.local0, ends.local1, ends.local2, ends.local3);
    this.remote = this.core.addresses.fromWords(ends.remote0, ends.remote1, ends.remote2, ends.remote3);
    this.localPort = ends.localPort;
    this.remotePort = ends.remotePort;
    // As its listener's, its port may be another's under the same conditions.
    this.ownsPort = true;
    this.addressIsBound = parent.addressIsBound;
    // Nobody has asked for its port (SOCK_BINDPORT_LOCK is the listener's alone).
    this.hash();
  }
}
