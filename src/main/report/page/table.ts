// A table that is sorted by its columns' heads, which are buttons: by mouse, touch and keyboard alike. The third press
// brings the order back that it came in.

import type { Cell, Column, Table } from "../document.ts";
import { element } from "./dom.ts";

/** A table of more columns is set smaller on paper, which cannot be moved to the side. */
const MANY = 8;

type Order = "none" | "ascending" | "descending";

function compare(a: Cell, b: Cell): number {
  if (a.value === undefined && b.value === undefined)
    return a.text.localeCompare(b.text, "en", { numeric: true });
  return (a.value ?? Number.NaN) - (b.value ?? Number.NaN);
}

const isEmpty = ({ value, text }: Cell) => value === null || (value === undefined && text === "");

/** Rows without a value come last in either order, and equal ones stay as they are. */
function sorted(rows: Table["rows"], column: number, order: Order): Table["rows"] {
  if (order === "none") return rows;
  const sign = order === "ascending" ? 1 : -1;
  return [...rows].sort((left, right) => {
    const [a, b] = [left[column]!, right[column]!];
    if (isEmpty(a) || isEmpty(b)) return Number(isEmpty(a)) - Number(isEmpty(b));
    return sign * compare(a, b);
  });
}

/** What a press makes of a column's order. */
function next(order: Order, { isNumber }: Column): Order {
  const orders: Order[] = isNumber
    ? ["none", "descending", "ascending"]
    : ["none", "ascending", "descending"];
  return orders[(orders.indexOf(order) + 1) % orders.length]!;
}

function cell({ text, detail, tone }: Cell, { isNumber }: Column, isHead: boolean): HTMLElement {
  const names = [isNumber ? "number" : "", tone ?? ""].filter(Boolean).join(" ");
  const attributes = names === "" ? {} : { class: names };
  const content = [text, ...(detail === undefined ? [] : [element("small", {}, detail)])];
  return isHead
    ? element("th", { ...attributes, scope: "row" }, ...content)
    : element("td", attributes, ...content);
}

function row(cells: readonly Cell[], columns: readonly Column[]): HTMLElement {
  return element("tr", {}, ...cells.map((each, at) => cell(each, columns[at]!, at === 0)));
}

export function tableView({ caption, columns, rows }: Table): HTMLElement {
  const body = element("tbody");
  const lines = new Map(rows.map((cells) => [cells, row(cells, columns)] as const));
  body.append(...lines.values());

  const said = element("p", { class: "said", role: "status" });
  const heads = columns.map((column, at) => {
    const button = element("button", { type: "button" }, column.label);
    if (column.hint !== undefined) button.title = column.hint;
    const head = element("th", { scope: "col", "aria-sort": "none" }, button);
    if (column.isNumber) head.className = "number";
    button.addEventListener("click", () => {
      const order = next(head.getAttribute("aria-sort") as Order, column);
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", order);
      body.append(...sorted(rows, at, order).map((cells) => lines.get(cells)!));
      said.textContent =
        order === "none" ? `${caption}: in its own order` : `${caption}: by ${column.label}, ${order}`;
    });
    return head;
  });

  const table = element(
    "table",
    columns.length > MANY ? { class: "many" } : {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads)),
    body,
  );
  // On a narrow screen it is the table that moves to the side, not the page; the keyboard moves it, too.
  const frame = element(
    "div",
    { class: "frame", tabindex: "0", role: "region", "aria-label": caption },
    table,
  );
  return element("div", { class: "table" }, frame, said);
}
