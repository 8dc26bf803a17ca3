// A browser for a test: Debian's chromium without a window, asked by its DevTools protocol through a pair of pipes
// (--remote-debugging-pipe: messages of JSON, each with a NUL behind it).

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const DEADLINE_MS = 60_000;
const END_MS = 5000;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly resolve: (result: Record<string, unknown>) => void;
  readonly reject: (error: Error) => void;
}

export interface Key {
  readonly key: string;
  readonly code: string;
  readonly keyCode: number;
  readonly text?: string;
}

export class Browser {
  readonly #child: ChildProcess;
  readonly #home: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #toBrowser: Writable;
  #session: string | undefined;
  #sent = 0;
  #received = "";
  #loaded: (() => void) | undefined;
  /** What the console and the page's policy have said that is no good news. */
  readonly complaints: string[] = [];
  /** Addresses that the page has asked for, its own included. */
  readonly requests: string[] = [];

  private constructor() {
    this.#home = mkdtempSync(join(tmpdir(), "ringfence-browser-"));
    const flags = [
      "--headless=new",
      "--remote-debugging-pipe",
      `--user-data-dir=${this.#home}`,
      "--no-first-run",
      "--disable-gpu",
      "--disable-extensions",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-dev-shm-usage",
      "--hide-scrollbars",
      // It refuses to have its own sandbox as root; the page is ours.
      ...(process.getuid!() === 0 ? ["--no-sandbox"] : []),
      "about:blank",
    ];
    this.#child = spawn("chromium", flags, {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, HOME: this.#home },
    });
    this.#child.on("error", (error) => this.#fail(`chromium cannot be started: ${error.message}`));
    this.#child.on("exit", (code, signal) => this.#fail(`chromium has ended with ${signal ?? code}`));
    this.#toBrowser = this.#child.stdio[3] as Writable;
    this.#toBrowser.on("error", () => {});
    const fromBrowser = this.#child.stdio[4] as unknown as Readable;
    fromBrowser.setEncoding("utf8");
    fromBrowser.on("data", (text: string) => this.#receive(text));
  }

  /** A browser with one page, which watches what that complains of. */
  static async start(): Promise<Browser> {
    const browser = new Browser();
    try {
      const { targetId } = await browser.#send("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await browser.#send("Target.attachToTarget", { targetId, flatten: true });
      browser.#session = String(sessionId);
      for (const domain of ["Page", "Runtime", "Log", "Network"]) await browser.send(`${domain}.enable`);
      return browser;
    } catch (error) {
      await browser.end();
      throw error;
    }
  }

  #fail(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
  }

  #receive(text: string): void {
    const parts = (this.#received + text).split("\0");
    this.#received = parts.pop()!;
    for (const part of parts) this.#take(JSON.parse(part) as Answer);
  }

  #take({ id, method, params, result, error }: Answer): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error !== undefined) waiting?.reject(new Error(error.message));
      else waiting?.resolve(result ?? {});
      return;
    }
    const told = JSON.stringify(params);
    if (method === "Page.loadEventFired") this.#loaded?.();
    else if (method === "Runtime.exceptionThrown" || method === "Log.entryAdded") this.complaints.push(told);
    else if (method === "Runtime.consoleAPICalled" && /^(error|warning)$/.test(String(params!["type"])))
      this.complaints.push(told);
    else if (method === "Network.requestWillBeSent")
      this.requests.push((params!["request"] as { url: string }).url);
  }

  #send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const id = ++this.#sent;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`${method}: chromium does not answer`));
      }, DEADLINE_MS);
      const settled = () => clearTimeout(timer);
      this.#waiting.set(id, {
        resolve(result) {
          settled();
          resolve(result);
        },
        reject(error) {
          settled();
          reject(error);
        },
      });
      const session = this.#session === undefined ? {} : { sessionId: this.#session };
      this.#toBrowser.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.#send(method, params);
  }

  /** Resolves when the page has loaded, and what it draws by its size is drawn. */
  async open(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.#loaded = resolve;
    });
    await this.send("Page.navigate", { url });
    await loaded;
    await this.settle();
  }

  /** Two frames: what was to be laid out is laid out. */
  async settle(): Promise<void> {
    await this.evaluate("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r(1))))");
  }

  /** The value of an expression in the page, as JSON has it. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  async press({ key, code, keyCode, text }: Key): Promise<void> {
    const event = { key, code, windowsVirtualKeyCode: keyCode, ...(text !== undefined && { text }) };
    await this.send("Input.dispatchKeyEvent", {
      type: text === undefined ? "rawKeyDown" : "keyDown",
      ...event,
    });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** Pixels; a phone has a touch screen and tells its own width. */
  async resize(width: number, height: number, isPhone = false): Promise<void> {
    await this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: isPhone,
    });
    await this.settle();
  }

  async media(scheme: "light" | "dark", media: "screen" | "print" = "screen"): Promise<void> {
    await this.send("Emulation.setEmulatedMedia", {
      media,
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    await this.settle();
  }

  /** PNG of what is seen. */
  async picture(): Promise<Buffer> {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    return Buffer.from(String(data), "base64");
  }

  async pdf(): Promise<Buffer> {
    const { data } = await this.send("Page.printToPDF", { preferCSSPageSize: true });
    return Buffer.from(String(data), "base64");
  }

  async end(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      process.kill(-this.#child.pid, "SIGKILL");
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, END_MS))]);
    }
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
