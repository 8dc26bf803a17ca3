// Main thread of the sandbox process: boot, kernel thread, control server, and the first program of a
// `do`. It serves the control plane only; guests never wait for it. When anything here fails for good
// the process ends, and init takes the rest of the sandbox with it.

import { type Boot, receiveBoot, required } from "./boot.ts";
import { CODE_RINGFENCE, Program } from "./control/program.ts";
import { ControlServer } from "./control/server.ts";
import { loadHost } from "./host.ts";
import { startKernelThread } from "./kernel_thread.ts";
import { openLog } from "./log.ts";

// The sandbox's root holds nothing but these, the libraries and the stub.
const HOST_LIBRARY = "/host.node";
const KERNEL_BUNDLE = "/kernel.cjs";
/** Exit code of a launcher whose sandbox died (native/launcher/report.h). */
const CODE_SANDBOX_DIED = 137;

const host = loadHost(HOST_LIBRARY);
const boot = receiveBoot(host);
const log = openLog(required(boot.descriptors, "log"), boot.config.options.debug);
const launcher = required(boot.descriptors, "launcher");
let running = false;

function fatal(what: string, error: unknown): never {
  log.fatal({ err: error }, what);
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  const code = running ? CODE_SANDBOX_DIED : CODE_RINGFENCE;
  const line = `${JSON.stringify({ event: "error", code, message })}\n`;
  host.sendMessage(launcher, Buffer.from(line), [], true);
  return host.exitProcess(1);
}

process.on("uncaughtException", (error) => fatal("the sandbox's main thread failed", error));
process.on("unhandledRejection", (error) => fatal("the sandbox's main thread failed", error));

/** The first program's descriptors: the kernel owns them from its start on. */
function firstStdio({ descriptors }: Boot): [number, number, number] {
  return [required(descriptors, "stdin"), required(descriptors, "stdout"), required(descriptors, "stderr")];
}

async function main(): Promise<void> {
  const { config, descriptors } = boot;
  const { launcher: _launcher, listen, config: _config, stdin, stdout, stderr, ...forKernel } = descriptors;
  const kernel = startKernelThread(KERNEL_BUNDLE, HOST_LIBRARY, config, forKernel);
  kernel.ended.catch((error: unknown) => fatal("the kernel thread died", error));
  const server = new ControlServer(host, { kernel: kernel.api, log });
  const peer = server.attach(launcher);
  if (config.process) {
    peer.program = new Program(kernel.api, (event) => {
      running = true;
      peer.connection.send(event);
    });
    await peer.program.run(config.process, firstStdio(boot));
    return;
  }
  await kernel.api.counters(); // answered once the kernel is up
  running = true;
  if (listen !== undefined) server.listen(listen);
  peer.connection.send({ event: "started" });
}

main().catch((error: unknown) => fatal("the sandbox could not start", error));
