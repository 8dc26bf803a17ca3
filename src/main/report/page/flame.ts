// A flame graph: who called whom, from the top down, as wide as their time. A press on a frame makes it as wide as the
// page; arrow keys go from frame to frame, Enter does what a press does, and Escape goes back to the whole.

import type { FlameGraph, Frame } from "../document.ts";
import { digits } from "../units.ts";
import { element, svgElement } from "./dom.ts";
import { figure } from "./figure.ts";

const ROW = 20;
/** Frames that are narrower are left out: there are too many, and nobody sees them. */
const NARROWEST = 1;
const CHARACTER = 6.6;
const TEXT_FROM = 3 * CHARACTER;
const COLOURS = 5;

interface Placed {
  readonly frame: Frame;
  readonly parent: Placed | undefined;
  readonly depth: number;
  readonly x: number;
  readonly width: number;
  readonly children: Placed[];
}

/** One name has one colour, wherever it stands. */
function colourOf(name: string): string {
  let hash = 0;
  for (let at = 0; at < name.length; at++) hash = (Math.imul(hash, 31) + name.charCodeAt(at)) | 0;
  return `var(--flame-${Math.abs(hash) % COLOURS})`;
}

function place(root: Frame, width: number): Placed[] {
  const all: Placed[] = [{ frame: root, parent: undefined, depth: 0, x: 0, width, children: [] }];
  // It grows while it is gone through.
  for (const placed of all) {
    const perValue = placed.frame.value > 0 ? placed.width / placed.frame.value : 0;
    let x = placed.x;
    for (const frame of placed.frame.children ?? []) {
      const child: Placed = {
        frame,
        parent: placed,
        depth: placed.depth + 1,
        x,
        width: frame.value * perValue,
        children: [],
      };
      x += child.width;
      if (child.width < NARROWEST) continue;
      placed.children.push(child);
      all.push(child);
    }
  }
  return all;
}

function share(value: number, whole: number): string {
  return whole > 0 ? `${digits((value / whole) * 100)} %` : "";
}

function shape({ frame, depth, x, width }: Placed): SVGGElement {
  const group = svgElement("g", { transform: `translate(${x.toFixed(2)},${depth * ROW})` });
  group.append(
    svgElement("rect", {
      width: Math.max(0.5, width - 0.5).toFixed(2),
      height: String(ROW - 1),
      fill: colourOf(frame.name),
    }),
  );
  const room = Math.floor((width - 6) / CHARACTER);
  if (width > TEXT_FROM) {
    const text = frame.name.length <= room ? frame.name : `${frame.name.slice(0, Math.max(1, room - 1))}…`;
    group.append(svgElement("text", { x: "4", y: "14" }, text));
  }
  group.append(svgElement("title", {}, frame.name));
  return group;
}

/** Where an arrow leads from a frame. */
function neighbour(from: Placed, key: string): Placed | undefined {
  const siblings = from.parent?.children ?? [];
  const at = siblings.indexOf(from);
  switch (key) {
    case "ArrowUp":
      return from.parent;
    case "ArrowDown":
      return from.children[0];
    case "ArrowLeft":
      return siblings[at - 1];
    case "ArrowRight":
      return siblings[at + 1];
    default:
      return undefined;
  }
}

export function flameFigure({ caption, unit, root }: FlameGraph): HTMLElement {
  const told = element("p", { class: "told", role: "status" });
  let shown = root;
  let lastWidth = 0;
  const chart = svgElement("svg", { class: "flame", tabindex: "0" });

  function draw(width: number): Element {
    lastWidth = width;
    const all = place(shown, width);
    const groups = new Map(all.map((placed) => [placed, shape(placed)] as const));
    let current = all[0]!;
    function select(placed: Placed): void {
      groups.get(current)?.classList.remove("current");
      current = placed;
      groups.get(placed)!.classList.add("current");
      const { name, value } = placed.frame;
      told.textContent = `${name}: ${digits(value)} ${unit}, ${share(value, root.value)} of all, ${share(value, shown.value)} of what is shown`;
    }
    function show(frame: Frame): void {
      shown = frame;
      draw(lastWidth);
    }
    for (const [placed, group] of groups) {
      group.addEventListener("pointerenter", () => select(placed));
      group.addEventListener("click", () => show(placed.depth === 0 ? root : placed.frame));
    }
    chart.onkeydown = (event) => {
      const to = neighbour(current, event.key);
      if (to !== undefined) select(to);
      else if (event.key === "Enter" || event.key === " ") show(current.depth === 0 ? root : current.frame);
      else if (event.key === "Escape") show(root);
      else return;
      event.preventDefault();
    };
    const height = (Math.max(...all.map(({ depth }) => depth)) + 1) * ROW;
    for (const [name, value] of [
      ["viewBox", `0 0 ${width} ${height}`],
      ["width", String(width)],
      ["height", String(height)],
    ] as const)
      chart.setAttribute(name, value);
    chart.replaceChildren(...groups.values());
    select(all[0]!);
    return chart;
  }

  const made = figure(caption, `${caption}; arrow keys go from frame to frame`, [], draw);
  // It is worked with, and no picture.
  made.querySelector(".chart")!.setAttribute("role", "group");
  made.append(told);
  return made;
}
