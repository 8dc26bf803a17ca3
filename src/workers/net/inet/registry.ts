// All internet sockets of a kernel thread, each at a place of its own: who lists them goes on where it stopped, however
// many there are.

import type { InetEndpoint } from "../stack/inet/endpoint.ts";
import type { TcpEndpoint } from "../stack/tcp/endpoint.ts";

/** What a list tells of one. */
export interface ListedSocket {
  /** Among all. */
  place: number;
  readonly type: number;
  readonly isV6: boolean;
  readonly endpoint: InetEndpoint;
  /** Null: it is no stream. */
  readonly stream: TcpEndpoint | null;
  /** Who made it. */
  readonly uid: number;
  readonly inodeNumber: number;
  readonly queuedBytes: number;
  /** Datagrams that it has lost. */
  readonly drops: number;
}

export class Registry {
  readonly #places: (ListedSocket | null)[] = [];
  readonly #free: number[] = [];

  /** Places that were ever used; some are empty. */
  get length(): number {
    return this.#places.length;
  }

  at(place: number): ListedSocket | null {
    return this.#places[place] ?? null;
  }

  add(one: ListedSocket): void {
    one.place = this.#free.pop() ?? this.#places.length;
    this.#places[one.place] = one;
    one.endpoint.ownersNumber = one.place;
  }

  /** The socket of an endpoint; null: it has none. */
  ofEndpoint(endpoint: InetEndpoint): ListedSocket | null {
    const listed = this.at(endpoint.ownersNumber);
    return listed?.endpoint === endpoint ? listed : null;
  }

  remove(one: ListedSocket): void {
    this.#places[one.place] = null;
    this.#free.push(one.place);
  }
}
