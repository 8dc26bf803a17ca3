// Node under the final filter, in the corners that no guest leads it to. Prints a line for each that it came
// through; argv: host.node, then the way in which to end.

const koffi = require("koffi");
const os = require("node:os");
const v8 = require("node:v8");
const { Worker, MessageChannel, receiveMessageOnPort } = require("node:worker_threads");

const [host, ending] = process.argv.slice(2);
const install = koffi.load(host).func("int32_t rf_install_filter(bool hasHostNetwork)");

/** Threads that exist before the filter does, what they do when told, and how that is called. */
const workers = Object.entries({
  "a worker that ends": "process.exit(4)",
  "a worker that is ended": "parentPort.postMessage(0); for (;;);",
  "a worker that throws": "throw new Error('thrown')",
  "a worker without memory": "const all = []; for (;;) all.push(new Array(1e4).fill(0.5));",
}).map(([name, code]) => {
  const text = `const { parentPort } = require("node:worker_threads");
    parentPort.once("message", () => { ${code} });`;
  const thread = new Worker(text, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } });
  // Asked for at once: what is said before somebody listens is lost.
  const online = new Promise((resolve) => thread.once("online", resolve));
  return { name, thread, online };
});

const endOf = (thread) =>
  new Promise((resolve) => {
    let failure = "";
    thread.on("error", (error) => {
      failure = error.code ?? error.message;
    });
    thread.on("exit", (exit) => resolve(`${exit} ${failure}`.trim()));
    thread.on("message", () => thread.terminate());
    thread.postMessage(0);
  });

/** Corner → what it prints. */
const corners = {
  "memory usage": () => process.memoryUsage().rss > 0,
  "resource usage": () => process.resourceUsage().maxRSS > 0,
  "the host's figures": () => os.totalmem() > 0 && os.freemem() > 0 && os.loadavg().length,
  "available parallelism": () => os.availableParallelism() > 0,
  "heap statistics": () => v8.getHeapStatistics().heap_size_limit > 0,
  "local time": () => new Date(0).toLocaleString("en-GB", { timeZone: "Asia/Tokyo" }),
  "random bytes": () => require("node:crypto").randomBytes(1 << 16).length,
  "much garbage": () => {
    let kept = [];
    for (let i = 0; i < 2e6; i++) {
      kept.push({ i, text: `${i}` });
      if (kept.length > 2e5) kept = [];
    }
    return "collected";
  },
  "large buffers": () => {
    for (let i = 0; i < 200; i++) Buffer.alloc(8 << 20, 1);
    return "freed";
  },
  "hot code": () => {
    let sum = 0;
    const add = (a, b) => a + b;
    for (let i = 0; i < 5e6; i++) sum = add(sum, i) | 0;
    return sum !== 0;
  },
  "WebAssembly memory": () => new WebAssembly.Memory({ initial: 16, maximum: 65536, shared: true }).grow(16),
  "WebAssembly code": () =>
    new WebAssembly.Instance(
      new WebAssembly.Module(
        Buffer.from("0061736d010000000105016000017f03020100070501016100000a06010400412a0b", "hex"),
      ),
    ).exports.a(),
  "an error's stack": () => /corners|confinement/.test(new Error("stack").stack),
  messages: () => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage("hello");
    return receiveMessageOnPort(port2).message;
  },
  "a file that is not there": () => require("node:fs").readFileSync("/proc/meminfo").length,
  "libuv's threads": () =>
    new Promise((resolve) => {
      require("node:crypto").pbkdf2("a", "b", 1000, 8, "sha1", (error) => resolve(error ?? "called back"));
    }),
  "standard streams": () => {
    console.error("to standard error");
    return process.stdout.writable;
  },
};

const endings = {
  exit: () => process.exit(3),
  abort: () => process.abort(),
  throws: () => {
    throw new Error("uncaught");
  },
  "heap full": () => {
    for (const all = []; ; ) all.push(new Array(1e4).fill(0.5));
  },
};

const tried = async (corner) => {
  try {
    return await corner();
  } catch (error) {
    return error.code ?? error.message;
  }
};

async function main() {
  await Promise.all(workers.map(({ online }) => online));
  const result = install(false);
  if (result !== 0) throw new Error(`the filter: errno ${-result}`);
  if (ending === "exit") {
    for (const [name, corner] of Object.entries(corners)) console.log(`${name}: ${await tried(corner)}`);
    for (const { name, thread } of workers) console.log(`${name}: ${await endOf(thread)}`);
  }
  endings[ending]();
}
setImmediate(main);
