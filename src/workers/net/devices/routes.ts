// The routing tables of a network namespace: adding and removing rows, each told of; which rows may be is decided in
// inet_routes.ts and inet6_routes.ts.

import { ENOBUFS } from "../../../shared/abi/errno.ts";
import type { DevicesContext } from "./devices_context.ts";
import { FibTable } from "./fib_table.ts";
import type { Change, Device, InternetFamily, Route } from "./rows.ts";

/** Linux keeps tables in lists, as many as that. */
const LISTS = 256;
/** More than the number of any family. */
const FAMILIES = 16;

/** A table, among those of all families. */
function nameOf(family: InternetFamily, id: number): number {
  return id * FAMILIES + family;
}

export class Routes {
  readonly #context: DevicesContext;
  readonly #tell: (change: Change) => void;
  /** In the order in which Linux tells them: by list, in one the newest first. */
  #tables: FibTable[] = [];
  readonly #byName = new Map<number, FibTable>();

  constructor(context: DevicesContext, tell: (change: Change) => void) {
    this.#context = context;
    this.#tell = tell;
  }

  table(family: InternetFamily, id: number): FibTable | undefined {
    return this.#byName.get(nameOf(family, id));
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
    this.#byName.set(nameOf(family, id), made);
    return made;
  }

  #dropIfEmpty(table: FibTable): void {
    if (table.routes.length > 0) return;
    this.#tables.splice(this.#tables.indexOf(table), 1);
    this.#byName.delete(nameOf(table.family, table.id));
  }

  #dropEmpty(): void {
    for (const { routes, family, id } of this.#tables)
      if (routes.length === 0) this.#byName.delete(nameOf(family, id));
    this.#tables = this.#tables.filter(({ routes }) => routes.length > 0);
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
    const rows: Route[] = [];
    let hasEmpty = false;
    for (const table of this.tablesOf(family)) {
      for (const row of table.removeAll(isGone)) rows.push(row);
      hasEmpty ||= table.routes.length === 0;
    }
    if (hasEmpty) this.#dropEmpty();
    this.#context.counters.routes -= rows.length;
    if (isTold) for (const row of rows) this.#tell({ kind: "route", isGone: true, row, how: 0 });
    else if (rows.length > 0) this.#tell({ kind: "routes", isGone: true, rows });
  }

  ofDevice(device: Device): (route: Route) => boolean {
    return (route) => route.device === device;
  }
}
