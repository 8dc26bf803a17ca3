// Takes the pictures of docs/benchmarking.md: of a page that `ringfence bench --html` has written, on a quiet machine if anybody is
// to look at its figures.
//
//   npx node scripts/pictures.ts PAGE.html

import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Browser } from "../test/e2e/browser.ts";

const docs = join(dirname(import.meta.dirname), "docs");
const browser = await Browser.start();
try {
  await browser.media("light");
  await browser.resize(1060, 1240);
  await browser.open(`file://${resolve(process.argv[2]!)}`);
  writeFileSync(join(docs, "benchmark-page.png"), await browser.picture());

  await browser.media("dark");
  await browser.resize(390, 844, true);
  // The third suite, if there are so many.
  await browser.evaluate(
    `[...document.querySelectorAll("section")].filter(({ id }) => id.startsWith("suite-")).slice(0, 3).at(-1).scrollIntoView()`,
  );
  await browser.settle();
  writeFileSync(join(docs, "benchmark-page-phone.png"), await browser.picture());
} finally {
  await browser.end();
}
