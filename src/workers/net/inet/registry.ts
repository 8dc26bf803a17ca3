// All internet sockets of a kernel thread, each at a place of its own: who lists them goes on where it stopped, however
// many there are.

import type { InetEndpoint } from "../stack/inet/endpoint.ts";
import type { TcpEndpoint } from "../stack/tcp/endpoint.ts";

/** What a list tells of one. */
export interface ListedSocket {
  readonly type: number;
  readonly isV6: boolean;
  readonly endpoint: InetEndpoint;
  /** Null: it is no stream. */
  readonly stream: TcpEndpoint | null;
  readonly inodeNumber: number;
  readonly queuedBytes: number;
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
    const place = this.#free.pop() ?? this.#places.length;
    this.#places[place] = one;
    one.endpoint.ownersNumber = place;
  }

  /** The socket of an endpoint; null: it has none. */
  ofEndpoint(endpoint: InetEndpoint): ListedSocket | null {
    const listed = this.at(endpoint.ownersNumber);
    return listed?.endpoint === endpoint ? listed : null;
  }

  remove({ endpoint }: ListedSocket): void {
    this.#places[endpoint.ownersNumber] = null;
    this.#free.push(endpoint.ownersNumber);
  }
}
