// Main thread of the sandbox process: boot, kernel, control server, and what the sandbox is for: the one program of a
// `do`, or a container. When
// anything here fails for good the process ends, and init takes the rest of the sandbox with it.

import { closeSync } from "node:fs";
import { openSourcePositions } from "../shared/source_positions.ts";
import { type Boot, receiveBoot, required } from "./boot.ts";
import { Container, type Stdio } from "./container/container.ts";
import type { Peer } from "./control/methods.ts";
import { CODE_RINGFENCE, Program } from "./control/program.ts";
import { ControlServer } from "./control/server.ts";
import { loadHost } from "./host.ts";
import { openLog } from "./log.ts";
import { readContainer } from "./oci/container.ts";
import { SchemaError } from "./oci/schema.ts";
import { type RunningKernel, startKernel } from "./placement.ts";

// The sandbox's root holds nothing but these, the libraries and the stub.
const HOST_LIBRARY = "/host.node";
const SOURCE_POSITIONS = "/source_positions";
/** Exit code of a launcher whose sandbox died (native/launcher/report.h). */
const CODE_SANDBOX_DIED = 137;

const host = loadHost(HOST_LIBRARY);
const boot = receiveBoot(host);
const positions = openSourcePositions(SOURCE_POSITIONS);
const log = openLog(required(boot.descriptors, "log"), boot.config.options, positions);
const launcher = required(boot.descriptors, "launcher");
let running = false;

/** What is wrong is the caller's to mend: told in its own words, without a place in our code. */
class Refused extends Error {}

function fatal(what: string, error: unknown): never {
  log.fatal({ err: error }, what);
  const text = error instanceof Error ? error.message : String(error);
  const message = error instanceof Refused || error instanceof SchemaError ? text : `${what}: ${text}`;
  const code = running ? CODE_SANDBOX_DIED : CODE_RINGFENCE;
  const line = `${JSON.stringify({ event: "error", code, message })}\n`;
  host.sendMessage(launcher, Buffer.from(line), [], true);
  return host.exitProcess(1);
}

process.on("uncaughtException", (error) => fatal("the sandbox's main thread failed", error));
process.on("unhandledRejection", (error) => fatal("the sandbox's main thread failed", error));

/** The first program's descriptors: the kernel owns them from its start on. */
function firstStdio({ descriptors }: Boot): Stdio {
  return [required(descriptors, "stdin"), required(descriptors, "stdout"), required(descriptors, "stderr")];
}

/** Checks the container's configuration and builds its file systems; the caller hears `created`. */
async function createContainer(kernel: RunningKernel, { config, descriptors }: Boot): Promise<Container> {
  const specFd = required(descriptors, "spec");
  const spec = readContainer(specFd, config.id ?? "", config, descriptors, log);
  closeSync(specFd);
  const wrong = await kernel.api.prepare(spec);
  if (wrong !== null) throw new Refused(wrong);
  const parts = { host, kernel: kernel.api, log };
  return new Container(parts, spec, firstStdio(boot), descriptors.waiter ?? null);
}

async function main(): Promise<void> {
  const { config, descriptors } = boot;
  const kernel = await startKernel(HOST_LIBRARY, positions, boot);
  kernel.ended.catch((error: unknown) => fatal("the kernel thread died", error));
  const container = config.mode === "container" ? await createContainer(kernel, boot) : undefined;
  const end = () => host.exitProcess(0);
  const server = new ControlServer(host, { kernel: kernel.api, log, end, ...(container && { container }) });
  const peer: Peer = server.attach(launcher);
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
  if (descriptors.listen !== undefined) server.listen(descriptors.listen);
  peer.connection.send({ event: container === undefined ? "started" : "created" });
}

main().catch((error: unknown) => fatal("the sandbox could not start", error));
