// Main thread of the sandbox process: boot, kernel, control server, and what the sandbox is for: the one program of a
// `do`, or a container. When
// anything here fails for good the process ends, and init takes the rest of the sandbox with it.

import { closeSync } from "node:fs";
import { startupSnapshot } from "node:v8";
import { openSourcePositions } from "../shared/source_positions.ts";
import { type Boot, receiveBoot, required } from "./boot.ts";
import { Container, type Streams } from "./container/container.ts";
import { type ContainerKernel, kernelOf } from "./container/kernel_view.ts";
import { Pod } from "./container/pod.ts";
import type { Control } from "./control/methods.ts";
import { CODE_RINGFENCE, Program } from "./control/program.ts";
import { ControlServer } from "./control/server.ts";
import { Group } from "./group/group.ts";
import { loadHost } from "./host.ts";
import { openLog } from "./log.ts";
import { readContainer } from "./oci/container.ts";
import { SchemaError } from "./oci/schema.ts";
import { type RunningKernel, startKernel } from "./placement.ts";
import { startTraces, TraceRefused } from "./trace/start_traces.ts";

// The sandbox's root holds nothing but these, the libraries and the stub.
const HOST_LIBRARY = "/host.node";
const SOURCE_POSITIONS = "/source_positions";
/** Exit code of a launcher whose sandbox died (native/launcher/report.h). */
const CODE_SANDBOX_DIED = 137;

/** What is wrong is the caller's to mend: told in its own words, without a place in our code. */
class Refused extends Error {}

/** The first program's descriptors: the kernel owns them from its start on. */
function firstStreams({ descriptors }: Boot): Streams {
  const preserved: number[] = [];
  for (
    let fd = descriptors["preserved:0"];
    fd !== undefined;
    fd = descriptors[`preserved:${preserved.length}`]
  )
    preserved.push(fd);
  const names = ["stdin", "stdout", "stderr"] as const;
  return [...names.map((name) => required(descriptors, name)), ...preserved];
}

class Sandbox {
  readonly #host = loadHost(HOST_LIBRARY);
  readonly #boot = receiveBoot(this.#host);
  readonly #positions = openSourcePositions(SOURCE_POSITIONS);
  readonly #log = openLog(
    required(this.#boot.descriptors, "log"),
    this.#boot.config.options,
    this.#positions,
  );
  readonly #launcher = required(this.#boot.descriptors, "launcher");
  #running = false;
  /** Held, for the memory that is its. */
  kernel: RunningKernel | undefined;

  fatal(what: string, error: unknown): never {
    this.#log.fatal({ err: error }, what);
    const text = error instanceof Error ? error.message : String(error);
    const message =
      error instanceof Refused || error instanceof SchemaError || error instanceof TraceRefused
        ? text
        : `${what}: ${text}`;
    const code = this.#running ? CODE_SANDBOX_DIED : CODE_RINGFENCE;
    const line = `${JSON.stringify({ event: "error", code, message })}\n`;
    this.#host.sendMessage(this.#launcher, Buffer.from(line), [], true);
    return this.#host.exitProcess(1);
  }

  /** Checks the container's configuration and builds its file systems; the caller hears `created`. */
  async #createContainer(kernel: ContainerKernel): Promise<Container> {
    const { config, descriptors } = this.#boot;
    const specFd = required(descriptors, "spec");
    const spec = readContainer(specFd, config.id ?? "", config, descriptors, this.#log);
    closeSync(specFd);
    const wrong = await kernel.prepare(spec);
    if (wrong !== null) throw new Refused(wrong);
    const parts = { host: this.#host, kernel, log: this.#log };
    const { waiter = null } = descriptors;
    return new Container(parts, spec, firstStreams(this.#boot), waiter, config.pod === "held");
  }

  /** Several kernels, none of which has a first program. */
  async #runGroup(): Promise<void> {
    const { descriptors } = this.#boot;
    const [host, log, positions] = [this.#host, this.#log, this.#positions];
    const group = new Group({ host, log, hostLibrary: HOST_LIBRARY, positions, boot: this.#boot });
    const { ended } = await group.open();
    ended.catch((error: unknown) => this.fatal("a kernel thread died", error));
    const server = new ControlServer(host, log, this.#launcher);
    const controls = Array.from({ length: group.size }, (_none, place): Control => {
      const end = () => {
        group.end(place).catch((error: unknown) => log.error({ err: error }, "ending a kernel failed"));
      };
      const control: Control = {
        get kernel() {
          return group.kernel(place);
        },
        log,
        end,
        group,
      };
      control.attach = (fd) => server.adopt(fd, control);
      return control;
    });
    for (let place = 0; place < group.size; place++) await group.start(place);
    const peer = server.attach(this.#launcher, controls[0]!);
    this.#running = true;
    for (const [place, control] of controls.entries()) {
      const listening = place === 0 ? required(descriptors, "listen") : descriptors[`listen:${place}`];
      if (listening !== undefined) server.listen(listening, control);
    }
    peer.connection.send({ event: "started" });
  }

  async run(): Promise<void> {
    const { config, descriptors } = this.#boot;
    if ((config.options.kernels ?? 1) > 1) return this.#runGroup();
    const kernel = await startKernel(HOST_LIBRARY, this.#positions, this.#boot);
    this.kernel = kernel;
    kernel.ended.catch((error: unknown) => this.fatal("a kernel thread died", error));
    const { api } = kernel;
    const first = kernelOf(api, 0);
    await startTraces(api, this.#boot);
    const container = config.mode === "container" ? await this.#createContainer(first) : undefined;
    const server = new ControlServer(this.#host, this.#log, this.#launcher);
    const parts = { host: this.#host, kernel: api, log: this.#log, config };
    const control: Control = {
      kernel: first,
      log: this.#log,
      end: () => this.#host.exitProcess(0),
      attach: (fd) => server.adopt(fd, control),
      ...(container && { container }),
      ...(container && config.pod !== undefined && { pod: new Pod(parts, server, container) }),
    };
    const peer = server.attach(this.#launcher, control);
    if (config.process) {
      peer.program = new Program(first, (event) => {
        this.#running = true;
        peer.connection.send(event);
      });
      await peer.program.run(config.process, firstStreams(this.#boot));
      return;
    }
    await api.counters(); // answered once the kernel is up
    this.#running = true;
    if (descriptors.listen !== undefined) server.listen(descriptors.listen, control);
    peer.connection.send({ event: container === undefined ? "started" : "created" });
  }
}

function runSandbox(): void {
  const sandbox = new Sandbox();
  const failed = (error: unknown) => sandbox.fatal("the sandbox's main thread failed", error);
  process.on("uncaughtException", failed);
  process.on("unhandledRejection", failed);
  sandbox.run().catch((error: unknown) => sandbox.fatal("the sandbox could not start", error));
}

// A solo sandbox starts from a snapshot of this program after its top level has run, so that nothing above may look at
// the process it runs in. Threads cannot be started from there.
if (startupSnapshot.isBuildingSnapshot()) startupSnapshot.setDeserializeMainFunction(runSandbox);
else runSandbox();
