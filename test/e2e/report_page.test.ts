// The page of a report (src/main/report) in a browser: it draws, it can be worked with by keys, it is read on a phone, in the
// dark and on paper, and it runs nothing that a guest has put into a text.
//
// deadline: 300 s

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Frame, Report } from "../../src/main/report/document.ts";
import { readPageParts, reportHtml } from "../../src/main/report/html.ts";
import { checkout } from "../spawn.ts";
import { Browser, type Key } from "./browser.ts";

/** What a guest could call a file. */
const HOSTILE = `</script><script>window.taken = 1</script><!--<img src="x" onerror="window.taken = 1">&lt;${"\u2028"}'"`;

const leaf = (name: string, value: number): Frame => ({ name, value });
const FLAME: Frame = {
  name: "all",
  value: 100,
  children: [
    { name: "handler", value: 60, children: [leaf("read", 40), leaf("write", 15)] },
    { name: HOSTILE, value: 40, children: [leaf("seldom", 0.001)] },
  ],
};

const REPORT: Report = {
  title: `A report ${HOSTILE}`,
  subtitle: HOSTILE,
  facts: [
    { name: "Machine", value: "made up" },
    { name: HOSTILE, value: HOSTILE },
  ],
  notices: [
    { tone: "warning", text: "Figures are made up" },
    { tone: "note", text: HOSTILE },
  ],
  sections: [
    {
      id: "first",
      title: "Calls",
      describe: "what they took",
      blocks: [
        {
          kind: "intervals",
          caption: "Times native",
          scale: "log",
          axis: "times native",
          reference: { value: 1, label: "native" },
          series: [
            { name: "here", style: 1 },
            { name: "elsewhere", style: 2 },
          ],
          rows: [
            ...["getppid", "open + close", HOSTILE].map((label, row) => ({
              label,
              values: [0, 1].map((series) => ({
                series,
                value: 2 + row + series,
                low: 1.5 + row,
                high: 4 + row,
                text: "so much",
                samples: [1.5 + row, 4 + row],
              })),
            })),
            {
              // A logarithmic axis has no place for some of these.
              label: "nothing, and without end",
              values: [
                { series: 0, value: 0, low: 0, high: 0, text: "nothing" },
                { series: 1, value: 3, low: 0, high: Number.POSITIVE_INFINITY, text: "3", samples: [0, 3] },
              ],
            },
          ],
        },
        {
          kind: "table",
          caption: "Medians",
          columns: [
            { label: "row", isNumber: false },
            { label: "here", isNumber: true, hint: HOSTILE },
            { label: "goal", isNumber: false },
          ],
          rows: [
            [{ text: "b" }, { text: "3 µs", value: 3000, detail: "2.9–3.1" }, { text: "met", tone: "good" }],
            [{ text: "a" }, { text: "20 ns", value: 20 }, { text: "missed", tone: "bad" }],
            [{ text: HOSTILE }, { text: "", value: null }, { text: "open", tone: "muted" }],
            [{ text: "c" }, { text: "1 ms", value: 1e6 }, { text: "met", tone: "good" }],
          ],
        },
      ],
    },
    {
      id: "second",
      title: HOSTILE,
      describe: "",
      blocks: [
        { kind: "notes", notes: [{ tone: "note", text: HOSTILE }] },
        {
          kind: "intervals",
          caption: "Memory",
          scale: "linear",
          axis: "MiB",
          series: [{ name: "here", style: 1 }],
          rows: [
            { label: "private", values: [{ series: 0, value: 16, low: 15, high: 18, text: "16 MiB" }] },
            { label: "none", values: [] },
          ],
        },
        {
          kind: "histogram",
          caption: "Latencies",
          scale: "log",
          unit: "ns",
          series: ["read", HOSTILE].map((name, style) => ({
            name,
            style,
            bins: [0, 1, 2, 3].map((at) => ({ from: 2 ** at, to: 2 ** (at + 1), count: 10 - at })),
          })),
          marks: [{ value: 3, label: "median" }],
        },
        { kind: "flame", caption: "Time of the kernel thread", unit: "ms", root: FLAME },
      ],
    },
  ],
};

const TAB: Key = { key: "Tab", code: "Tab", keyCode: 9 };
const ENTER: Key = { key: "Enter", code: "Enter", keyCode: 13, text: "\r" };
const ESCAPE: Key = { key: "Escape", code: "Escape", keyCode: 27 };
const DOWN: Key = { key: "ArrowDown", code: "ArrowDown", keyCode: 40 };

/** Texts whose contrast with what is behind them is too small, with their contrast (WCAG 2, 1.4.3). */
const LOW_CONTRAST = `(() => {
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const opaque = (text) => { const [r, g, b, a = 1] = parse(text); return a === 1 && b !== undefined ? [r, g, b] : null; };
  const behind = (element) => {
    const frame = element.closest(".flame g");
    if (frame) return opaque(getComputedStyle(frame.querySelector("rect")).fill);
    for (let at = element; at; at = at.parentElement) {
      const found = opaque(getComputedStyle(at).backgroundColor);
      if (found) return found;
    }
    return [255, 255, 255];
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || /^(SCRIPT|STYLE|NOSCRIPT|title)$/.test(element.tagName)) continue;
    const style = getComputedStyle(element);
    const front = opaque(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const [a, b] = [light(front), light(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) low.push(walker.currentNode.data.slice(0, 30) + " " + contrast.toFixed(2));
  }
  return low;
})()`;

/** Shapes of each chart that take up room. */
const DRAWN = `[...document.querySelectorAll(".chart svg")].map((svg) =>
  [...svg.querySelectorAll("path, rect, line, circle")].filter((shape) => {
    const box = shape.getBoundingClientRect();
    return box.width + box.height > 1 && getComputedStyle(shape).visibility === "visible";
  }).length)`;

/** Colours of marks that are too close to what is behind them (WCAG 2, 1.4.11). */
const FAINT = `(() => {
  const probe = document.body.appendChild(document.createElement("i"));
  const light = (colour) => {
    probe.style.color = colour;
    const [x, y, z] = getComputedStyle(probe).color.match(/\\d+/g).map((c) => c / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = light("var(--background)");
  const faint = [0, 1, 2, 3, 4, 5, 6, 7].filter((at) => {
    const [a, b] = [light("var(--series-" + at + ")"), behind].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 3;
  });
  probe.remove();
  return faint;
})()`;

const COLUMN = `[...document.querySelectorAll("#first tbody tr")].map((row) => row.cells[0].textContent.slice(0, 1))`;

interface Context {
  browser: Browser;
  directory: string;
}

const test = suite<Context>("a report's page");

test.before(async (context) => {
  context.directory = mkdtempSync(join(tmpdir(), "ringfence-page-"));
  const file = join(context.directory, "page.html");
  writeFileSync(file, reportHtml(REPORT, readPageParts(join(checkout, "build/js"))));
  context.browser = await Browser.start();
  await context.browser.resize(1200, 900);
  await context.browser.media("light");
  await context.browser.open(`file://${file}`);
});

test.after(async ({ browser, directory }) => {
  await browser?.end();
  rmSync(directory, { recursive: true, force: true });
});

test("it complains of nothing, and asks for nothing but itself", async ({ browser, directory }) => {
  assert.equal(browser.complaints, []);
  assert.equal(browser.requests, [`file://${directory}/page.html`]);
});

test("all charts are drawn", async ({ browser }) => {
  const drawn = await browser.evaluate<number[]>(DRAWN);
  assert.is(drawn.length, 4);
  const [points, bars, histogram, flame] = drawn as [number, number, number, number];
  assert.ok(points >= 6 * 2, `${points} points and intervals`);
  assert.ok(bars >= 2, `${bars} bars`);
  assert.ok(histogram >= 8, `${histogram} bins`);
  assert.is(flame, 5, "frames, but for one that nobody would see");
});

test("texts stand there as they are", async ({ browser }) => {
  const text = (selector: string) =>
    browser.evaluate<string>(`document.querySelector(${JSON.stringify(selector)}).textContent`);
  assert.is(await text("title"), REPORT.title);
  assert.is(await text(".subtitle"), HOSTILE);
  assert.is(await text("#second h2"), HOSTILE);
  assert.is(await text("#first tbody tr:nth-child(3) th"), HOSTILE);
  assert.is(await text(".flame g:nth-of-type(3) title"), HOSTILE);
  assert.is(await browser.evaluate("document.querySelectorAll('img').length"), 0);
  assert.is(await browser.evaluate("typeof window.taken"), "undefined");
});

test("all that can be worked with is reached by Tab, and is seen to be", async ({ browser }) => {
  await browser.evaluate("document.activeElement.blur()");
  const reached: string[] = [];
  for (let i = 0; i < 20; i++) {
    await browser.press(TAB);
    const [name, isSeen] = await browser.evaluate<[string, boolean]>(`(() => {
      const at = document.activeElement;
      const name = at.tagName.toLowerCase() + (at.className.baseVal ?? at.className ? "." + (at.className.baseVal ?? at.className) : "");
      return [name, getComputedStyle(at).outlineStyle !== "none"];
    })()`);
    if (name === "body") break;
    assert.ok(isSeen, `${name} shows that it has the focus`);
    reached.push(name);
  }
  assert.equal(reached, ["a", "a", "div.frame", "button", "button", "button", "svg.flame", "summary"]);
});

test("a table is sorted by keys, numbers by their value, what is empty last", async ({ browser }) => {
  const order = () => browser.evaluate<string[]>(COLUMN);
  const sort = (column: number) =>
    browser.evaluate<string>(`document.querySelectorAll("#first thead th")[${column}].ariaSort`);
  assert.equal(await order(), ["b", "a", "<", "c"]);
  await browser.evaluate(`document.querySelectorAll("#first thead button")[1].focus()`);
  await browser.press(ENTER);
  assert.equal(await order(), ["c", "b", "a", "<"]);
  assert.is(await sort(1), "descending");
  await browser.press(ENTER);
  assert.equal(await order(), ["a", "b", "c", "<"]);
  assert.is(await sort(1), "ascending");
  assert.match(
    await browser.evaluate<string>(`document.querySelector("#first .said").textContent`),
    /by here/,
  );
  await browser.press(ENTER);
  assert.equal(await order(), ["b", "a", "<", "c"]);
  await browser.evaluate(`document.querySelectorAll("#first thead button")[0].focus()`);
  await browser.press(ENTER);
  assert.equal((await order()).slice(1), ["a", "b", "c"]);
  assert.is(await sort(1), "none");
});

test("a flame graph goes deeper by keys, and back", async ({ browser }) => {
  const frames = () => browser.evaluate<number>(`document.querySelectorAll(".flame g").length`);
  const told = () => browser.evaluate<string>(`document.querySelector(".told").textContent`);
  await browser.evaluate(`document.querySelector(".flame").focus()`);
  assert.match(await told(), /^all: 100 ms, 100 % of all/);
  await browser.press(DOWN);
  assert.match(await told(), /^handler: 60\.0 ms, 60\.0 % of all/);
  await browser.press(ENTER);
  assert.is(await frames(), 3);
  await browser.press(DOWN);
  assert.match(await told(), /^read: 40\.0 ms, 40\.0 % of all, 66\.7 % of what is shown/);
  await browser.press(ESCAPE);
  assert.is(await frames(), 5);
});

for (const scheme of ["light", "dark"] as const)
  test(`texts and marks have contrast when it is ${scheme}`, async ({ browser }) => {
    await browser.media(scheme);
    const background = await browser.evaluate<string>(
      "getComputedStyle(document.documentElement).backgroundColor",
    );
    assert.is(background === "rgb(255, 255, 255)", scheme === "light");
    assert.equal(await browser.evaluate(LOW_CONTRAST), []);
    assert.equal(await browser.evaluate(FAINT), []);
    await browser.media("light");
  });

test("a phone shows all of it, and moves tables alone to the side", async ({ browser }) => {
  for (const width of [360, 320]) {
    await browser.resize(width, 700, true);
    assert.is(await browser.evaluate("document.documentElement.scrollWidth"), width);
    assert.ok((await browser.evaluate<number[]>(DRAWN)).every((shapes) => shapes >= 2));
    const wide = await browser.evaluate<string[]>(
      `[...document.querySelectorAll(".chart svg")].filter((svg) => svg.getBoundingClientRect().right > innerWidth).map((svg) => svg.outerHTML.slice(0, 80))`,
    );
    assert.equal(wide, []);
  }
  await browser.resize(1200, 900);
});

test("paper is white, and has nothing on it that is to be pressed", async ({ browser }) => {
  await browser.media("dark", "print");
  const style = (selector: string, property: string) =>
    browser.evaluate<string>(
      `getComputedStyle(document.querySelector(${JSON.stringify(selector)}))[${JSON.stringify(property)}]`,
    );
  assert.is(await style("html", "backgroundColor"), "rgb(255, 255, 255)");
  assert.is(await style("nav", "display"), "none");
  assert.is(await style(".frame", "overflowX"), "visible");
  assert.equal(await browser.evaluate(LOW_CONTRAST), []);
  // A sheet of A4 across, without its margins.
  await browser.resize(1030, 700);
  const cut = await browser.evaluate<string[]>(
    `[...document.querySelectorAll("table, svg")].filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.outerHTML.slice(0, 60))`,
  );
  assert.equal(cut, []);
  await browser.resize(1200, 900);
  const pdf = await browser.pdf();
  assert.is(pdf.subarray(0, 5).toString(), "%PDF-");
  assert.ok(pdf.length > 10_000);
  await browser.media("light");
});

// It comes last: what the policy forbids is complained of.
test("its policy lets no other script run, and nothing be fetched", async ({ browser }) => {
  assert.equal(browser.complaints, []);
  for (const attempt of [
    `document.body.append(Object.assign(document.createElement("script"), { text: "window.taken = 1" }))`,
    `document.body.innerHTML = '<img src=x onerror="window.taken = 1">'`,
    `document.body.setAttribute("onclick", "window.taken = 1"), document.body.click()`,
    `setTimeout("window.taken = 1")`,
  ])
    await browser.evaluate(`{ try { ${attempt} } catch {} }`);
  await browser.settle();
  assert.is(await browser.evaluate("typeof window.taken"), "undefined");
  const fetched = await browser.evaluate(`fetch("data:text/plain,a").then(() => "fetched", () => "refused")`);
  assert.is(fetched, "refused");
});

test.run();
