// `ringfence metrics` and `ringfence metric-server`: what Prometheus reads of containers and their sandboxes
// (docs/metrics.md), once or for whoever asks.

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { exposition, type Format } from "../metrics/exposition.ts";
import { clearPath, readAddress } from "../metrics/listening.ts";
import { Scraper } from "../metrics/scrape.ts";
import { MetricServer } from "../metrics/server.ts";
import { isPrefix } from "../metrics/table.ts";
import { CommandError } from "./command_error.ts";
import { say } from "./output.ts";
import { rootPath } from "./state_directory.ts";

interface SharedWords {
  root?: string;
  extraRoot?: string[];
  exporterPrefix: string;
}

export interface MetricsWords extends SharedWords {
  id?: string[];
  format: Format;
}

export interface MetricServerWords extends SharedWords {
  address?: string;
}

const SCRAPE_MS = 5000;

function patternsOf({ root, extraRoot = [] }: SharedWords): string[] {
  for (const pattern of extraRoot)
    if (!pattern.startsWith("/")) throw new CommandError(`--extra-root is an absolute path: ${pattern}`);
  return [...new Set([rootPath(root), ...extraRoot].map((pattern) => pattern.replace(/(?<=.)\/+$/, "")))];
}

function checkPrefix({ exporterPrefix }: SharedWords): void {
  if (!isPrefix(exporterPrefix))
    throw new CommandError(`--exporter-prefix is a beginning of names of metrics: ${exporterPrefix}`);
}

export async function metrics(words: MetricsWords): Promise<void> {
  checkPrefix(words);
  const ids = words.id?.length ? words.id : undefined;
  const scraper = new Scraper(patternsOf(words), true);
  const families = await scraper.scrape(SCRAPE_MS, ids, ({ containers, unreadable }) => {
    const wrong = [...unreadable.values()];
    if (ids === undefined)
      for (const message of wrong) process.stderr.write(`ringfence: metrics: ${message}\n`);
    else
      for (const id of ids)
        if (!containers.some(({ state }) => state.id === id))
          throw new CommandError(wrong[0] ?? `container does not exist: ${id}`);
  });
  const { text } = await exposition(families, words.exporterPrefix, words.format);
  say(text);
}

export async function metricServer(words: MetricServerWords): Promise<void> {
  checkPrefix(words);
  if (words.address === undefined)
    throw new CommandError("metric-server: say with --address where it is to listen: HOST:PORT or unix:PATH");
  const address = readAddress(words.address);
  if (typeof address === "string") throw new CommandError(`metric-server: ${address}`);
  if (address.path !== undefined) await clearPath(address.path);
  const scraper = new Scraper(patternsOf(words), false);
  const server = new MetricServer(scraper, words.exporterPrefix).server();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      // libuv calls it forbidden to listen in a directory that is not there.
      const isNowhere = address.path !== undefined && !existsSync(dirname(address.path));
      const why = isNowhere ? `there is no directory ${dirname(address.path!)}` : error.message;
      reject(new CommandError(`metric-server: ${why}`));
    });
    server.listen(address, resolve);
  });
  const bound = server.address();
  const where = typeof bound === "string" ? `unix:${bound}` : `${bound!.address}:${bound!.port}`;
  process.stderr.write(`ringfence: metric-server: listening at ${where}\n`);
  const end = () => {
    server.close();
    server.closeAllConnections();
    scraper.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, end);
}
