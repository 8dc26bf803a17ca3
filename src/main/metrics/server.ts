// The metric server: HTTP for whoever may reach its address. It holds few connections, reads little of each, and asks the
// sandboxes once for all who ask at the same time.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { formatFor } from "./accept.ts";
import { exposition, type Family, type Format, type Text } from "./exposition.ts";
import type { Scraper } from "./scrape.ts";

const CONNECTIONS_MAX = 64;
const HEADER_MAX = 16_384;
/** For a whole request, and between two bytes that a client reads. */
const REQUEST_MS = 5000;
const IDLE_MS = 60_000;
/** For a scrape of whoever does not say how long he waits; of that, what is left for the answer to get to him. */
const SCRAPE_MS = 5000;
const SCRAPE_MS_LEAST = 800;
const SHARE = 0.8;
const TIMEOUT_HEADER = "x-prometheus-scrape-timeout-seconds";

const INDEX = `Ringfence's metrics are at /metrics.
`;

function answer(response: ServerResponse, code: number, type: string, text: string): void {
  response.writeHead(code, { "Content-Type": type, "X-Content-Type-Options": "nosniff" });
  response.end(text);
}

const PLAIN = "text/plain; charset=utf-8";

/**
 * How long a scrape may take, by what the client says (Prometheus does). Not so short that all sandboxes are told as silent to
 * whoever asks at the same time.
 */
export function scrapeMs(header: string | string[] | undefined): number {
  const seconds = Number(header);
  if (!(seconds > 0 && seconds < 3600)) return SCRAPE_MS;
  return Math.max(SCRAPE_MS_LEAST, Math.min(SCRAPE_MS, seconds * 1000 * SHARE));
}

interface Scrape {
  readonly families: Promise<readonly Family[]>;
  readonly texts: Map<Format, Promise<Text>>;
}

export class MetricServer {
  readonly #scraper: Scraper;
  readonly #prefix: string;
  /** In progress; whoever asks meanwhile gets the same, and the text in a form is made once. */
  #scrape: Scrape | null = null;

  constructor(scraper: Scraper, prefix: string) {
    this.#scraper = scraper;
    this.#prefix = prefix;
  }

  /** Not yet listening. */
  server(): Server {
    const options = {
      maxHeaderSize: HEADER_MAX,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: REQUEST_MS,
    };
    // Nobody has more than one answer made for him at a time, however many requests he sends at once.
    const busy = new WeakSet<Socket>();
    const server = createServer(options, (request, response) => {
      const { socket } = request;
      if (busy.has(socket)) {
        socket.destroy();
        return;
      }
      busy.add(socket);
      response.once("close", () => busy.delete(socket));
      // Nothing that is asked for has a body.
      request.resume();
      this.#serve(request, response).catch((error: unknown) => {
        process.stderr.write(`ringfence: metric-server: ${String(error)}\n`);
        if (response.headersSent) response.destroy();
        else answer(response, 500, PLAIN, "the scrape failed\n");
      });
    });
    server.maxConnections = CONNECTIONS_MAX;
    server.timeout = IDLE_MS;
    return server;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "/", headers } = request;
    if (method !== "GET" && method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return answer(response, 405, PLAIN, "only GET and HEAD\n");
    }
    switch (url.replace(/\?.*/s, "")) {
      case "/":
        return answer(response, 200, PLAIN, INDEX);
      case "/healthz":
        return answer(response, 200, PLAIN, "ok\n");
      case "/metrics": {
        const { type, text } = await this.#told(scrapeMs(headers[TIMEOUT_HEADER]), formatFor(headers.accept));
        response.setHeader("Vary", "Accept");
        return answer(response, 200, type, text);
      }
      default:
        return answer(response, 404, PLAIN, "not found; metrics are at /metrics\n");
    }
  }

  #told(withinMs: number, format: Format): Promise<Text> {
    this.#scrape ??= this.#begin(withinMs);
    const scrape = this.#scrape;
    const known = scrape.texts.get(format);
    if (known !== undefined) return known;
    const made = scrape.families.then((families) => exposition(families, this.#prefix, format));
    scrape.texts.set(format, made);
    return made;
  }

  #begin(withinMs: number): Scrape {
    const families = this.#scraper.scrape(withinMs).finally(() => {
      this.#scrape = null;
    });
    return { families, texts: new Map() };
  }
}
