// Takes the pictures of docs/benchmarking.md and docs/profiling.md: of pages that `ringfence bench --html` and `ringfence profile
// --html` have written, on a quiet machine if anybody is to look at their figures.
//
//   npx node scripts/pictures.ts bench BENCH.html
//   npx node scripts/pictures.ts profile PROFILE.html

import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Browser } from "../test/e2e/browser.ts";

const docs = join(dirname(import.meta.dirname), "docs");

async function take(browser: Browser, name: string): Promise<void> {
  writeFileSync(join(docs, name), await browser.picture());
}

/** As many as a page has, up to the third. */
const SCROLL_TO_SUITE = `[...document.querySelectorAll("section")].filter(({ id }) => id.startsWith("suite-")).slice(0, 3).at(-1).scrollIntoView()`;

async function asDesktop(browser: Browser, page: string): Promise<void> {
  await browser.media("light");
  await browser.resize(1060, 1240);
  await browser.open(page);
}

const PICTURES: Record<string, (browser: Browser, page: string) => Promise<void>> = {
  async bench(browser, page) {
    await asDesktop(browser, page);
    await take(browser, "benchmark-page.png");
    await browser.media("dark");
    await browser.resize(390, 844, true);
    await browser.evaluate(SCROLL_TO_SUITE);
    await browser.settle();
    await take(browser, "benchmark-page-phone.png");
  },
  async profile(browser, page) {
    await asDesktop(browser, page);
    await take(browser, "profile-page.png");
  },
};

const [kind = "", page = ""] = process.argv.slice(2);
const browser = await Browser.start();
try {
  await PICTURES[kind]!(browser, `file://${resolve(page)}`);
} finally {
  await browser.end();
}
