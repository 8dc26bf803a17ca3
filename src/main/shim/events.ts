// Events of tasks on their way to containerd: in strict order, one at a time, so that what began is told before what
// ended. containerd may be away (it is started again, and its shims live on): then an event is tried again, as often and
// after as long as runc's shim does (containerd, pkg/shim/publisher.go), while those behind it wait. An event can come
// twice where containerd took it and could not say so.

import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { pack } from "./any.ts";
import * as events from "./gen/events_pb.ts";
import { Events } from "./gen/forward_pb.ts";
import { type Envelope, EnvelopeSchema } from "./gen/types_pb.ts";
import { connect, type TtrpcClient } from "./ttrpc/client.ts";
import { Code, RpcError } from "./ttrpc/status.ts";

/** What is told under each topic. */
const TOPICS = {
  "/tasks/create": events.TaskCreateSchema,
  "/tasks/start": events.TaskStartSchema,
  "/tasks/exit": events.TaskExitSchema,
  "/tasks/delete": events.TaskDeleteSchema,
  "/tasks/oom": events.TaskOOMSchema,
  "/tasks/exec-added": events.TaskExecAddedSchema,
  "/tasks/exec-started": events.TaskExecStartedSchema,
  "/tasks/paused": events.TaskPausedSchema,
  "/tasks/resumed": events.TaskResumedSchema,
  "/tasks/checkpointed": events.TaskCheckpointedSchema,
} as const;

export type Topic = keyof typeof TOPICS;

/** How many events wait, and how many bytes of them, before the oldest is dropped: who comes back asks how it is now. */
const QUEUE_MAX = 2048;
const QUEUE_BYTES_MAX = 4 << 20;

const FORWARD_MS = 5000;
const RETRIES_MAX = 5;
/** Times the number of the retry. */
const RETRY_MS = 1000;

/** An event that is answered so will not be taken the next time either. */
const FINAL: readonly number[] = [Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.RESOURCE_EXHAUSTED];

export interface PublisherOptions {
  /** $TTRPC_ADDRESS: a socket's path; "" where nobody wants events. */
  readonly address: string;
  readonly namespace: string;
  /** Told of each event that is dropped, and why. */
  readonly onDrop?: (topic: string, why: string) => void;
  /** Milliseconds; for tests. */
  readonly retryMs?: number;
  readonly now?: () => number;
}

interface Waiting {
  readonly envelope: Envelope;
  readonly bytes: number;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #queue: Waiting[] = [];
  #queueBytes = 0;
  /** The event that is being forwarded; it is in the queue no more. */
  #isForwarding = false;
  #client: TtrpcClient | undefined;
  /** Ends the wait before the next try. */
  #endSleep = () => {};
  #isClosed = false;
  #isAbandoned = false;
  #idle = Promise.withResolvers<void>();
  #dropped = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#idle.resolve();
  }

  /** Events that containerd was never told of. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes an event, and returns at once. */
  publish<T extends Topic>(topic: T, message: MessageInitShape<(typeof TOPICS)[T]>): void {
    const { address, namespace, now = Date.now } = this.#options;
    if (address === "") return;
    if (this.#isClosed) {
      this.#drop(topic, "the publisher is closed");
      return;
    }
    const event = pack<DescMessage>(TOPICS[topic], message as MessageInitShape<DescMessage>);
    const timestamp = timestampFromMs(now());
    const envelope = create(EnvelopeSchema, { timestamp, namespace, topic, event });
    this.#queue.push({ envelope, bytes: event.value.length });
    this.#queueBytes += event.value.length;
    while (this.#queue.length > QUEUE_MAX || this.#queueBytes > QUEUE_BYTES_MAX)
      this.#drop(this.#shift().envelope.topic, "too many events wait");
    if (!this.#isForwarding) void this.#forwardAll();
  }

  /** Waits until nothing is to be told any more, but not for longer than a while; what is left then is dropped. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    const timer = setTimeout(() => this.#abandon(), graceMs);
    await this.#idle.promise;
    clearTimeout(timer);
    this.#client?.close();
  }

  #shift(): Waiting {
    const first = this.#queue.shift()!;
    this.#queueBytes -= first.bytes;
    return first;
  }

  #drop(topic: string, why: string): void {
    this.#dropped++;
    this.#options.onDrop?.(topic, why);
  }

  #abandon(): void {
    this.#isAbandoned = true;
    while (this.#queue.length > 0) this.#drop(this.#shift().envelope.topic, "the shim ends");
    this.#client?.close();
    this.#endSleep();
  }

  /** Never rejects. */
  async #forwardAll(): Promise<void> {
    this.#isForwarding = true;
    this.#idle = Promise.withResolvers<void>();
    while (this.#queue.length > 0) {
      const { envelope } = this.#shift();
      const why = await this.#forward(envelope);
      if (why !== undefined) this.#drop(envelope.topic, why);
    }
    this.#isForwarding = false;
    this.#idle.resolve();
  }

  /** Why an event could not be told, after the last try. */
  async #forward(envelope: Envelope): Promise<string | undefined> {
    for (let retry = 0; ; retry++) {
      const error = await this.#tryTwice(envelope);
      if (error === undefined) return undefined;
      const isLast = retry === RETRIES_MAX || this.#isAbandoned || FINAL.includes(error.code);
      if (isLast) return error.message;
      await this.#sleep((this.#options.retryMs ?? RETRY_MS) * (retry + 1));
    }
  }

  /** A connection that was there before may have ended with an earlier containerd: then at once over a new one. */
  async #tryTwice(envelope: Envelope): Promise<RpcError | undefined> {
    const wasOpen = this.#client?.isOpen === true;
    const error = await this.#try(envelope);
    return wasOpen && error?.code === Code.UNAVAILABLE ? this.#try(envelope) : error;
  }

  async #try(envelope: Envelope): Promise<RpcError | undefined> {
    try {
      if (this.#client?.isOpen !== true) this.#client = await connect(this.#options.address, FORWARD_MS);
      await this.#client.call(Events.method.forward, { envelope }, FORWARD_MS);
      return undefined;
    } catch (error) {
      return error instanceof RpcError ? error : new RpcError(Code.UNKNOWN, String(error));
    }
  }

  #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#endSleep = resolve;
    return promise.finally(() => clearTimeout(timer));
  }
}
