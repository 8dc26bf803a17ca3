// The routing tables of a network namespace: adding and removing rows, each told of; which rows may be is decided in
// inet_routes.ts and inet6_routes.ts.

import { ENOBUFS } from "../../../shared/abi/errno.ts";
import type { DevicesContext } from "./devices_context.ts";
import { FibTable } from "./fib_table.ts";
import type { Change, Device, InternetFamily, Route } from "./rows.ts";

/** Linux keeps tables in lists, as many as that. */
const LISTS = 256;

export class Routes {
  readonly #context: DevicesContext;
  readonly #tell: (change: Change) => void;
  /** In the order in which Linux tells them: by list, in one the newest first. */
  readonly #tables: FibTable[] = [];

  constructor(context: DevicesContext, tell: (change: Change) => void) {
    this.#context = context;
    this.#tell = tell;
  }

  table(family: InternetFamily, id: number): FibTable | undefined {
    return this.#tables.find((table) => table.family === family && table.id === id);
  }

  tablesOf(family: InternetFamily): readonly FibTable[] {
    return this.#tables.filter((table) => table.family === family);
  }

  /** All of a family. It goes on with what is there by then. */
  *of(family: InternetFamily): Generator<Route> {
    for (const { routes } of this.tablesOf(family)) for (let i = 0; i < routes.length; i++) yield routes[i]!;
  }

  #tableFor(family: InternetFamily, id: number): FibTable {
    const known = this.table(family, id);
    if (known !== undefined) return known;
    const made = new FibTable(family, id);
    const list = id % LISTS;
    const at = this.#tables.findIndex((table) => table.id % LISTS >= list);
    this.#tables.splice(at < 0 ? this.#tables.length : at, 0, made);
    return made;
  }

  #dropIfEmpty(table: FibTable): void {
    if (table.routes.length === 0) this.#tables.splice(this.#tables.indexOf(table), 1);
  }

  /** 0, or -ENOBUFS. `how`: NLM_F_* that say where it stands. */
  add(route: Route, how: number, isFirst = false): number {
    const { heap, counters } = this.#context;
    if (!heap.hasRoom("routes")) return -ENOBUFS;
    counters.routes++;
    this.#tableFor(route.family, route.table).insert(route, isFirst);
    this.#tell({ kind: "route", isGone: false, row: route, how });
    return 0;
  }

  replace(old: Route, route: Route, how: number): void {
    this.table(old.family, old.table)!.replace(old, route);
    this.#tell({ kind: "route", isGone: false, row: route, how });
  }

  remove(route: Route): void {
    const table = this.table(route.family, route.table)!;
    table.remove(route);
    this.#context.counters.routes--;
    this.#dropIfEmpty(table);
    this.#tell({ kind: "route", isGone: true, row: route, how: 0 });
  }

  /** Removes all of a family that are like that, and tells of each, or of all at once. */
  removeAll(family: InternetFamily, isTold: boolean, isGone: (route: Route) => boolean): void {
    let count = 0;
    for (const table of [...this.tablesOf(family)]) {
      const gone = table.removeAll(isGone);
      this.#dropIfEmpty(table);
      count += gone.length;
      if (isTold) for (const row of gone) this.#tell({ kind: "route", isGone: true, row, how: 0 });
    }
    this.#context.counters.routes -= count;
    if (count > 0 && !isTold) this.#tell({ kind: "routes", isGone: true, row: null });
  }

  ofDevice(device: Device): (route: Route) => boolean {
    return (route) => route.device === device;
  }
}
