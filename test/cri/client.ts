// A kubelet's side of the Container Runtime Interface: calls of gRPC over a Unix socket.

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";

/** gRPC's default is 4 MiB, and what a command prints may come in one answer (16 MiB, says the interface). */
const LARGEST = 40 << 20;

export class CriClient {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": LARGEST,
      "grpc.initial_reconnect_backoff_ms": 50,
      "grpc.max_reconnect_backoff_ms": 200,
    });
  }

  /** Rejects with what the runtime said (a ServiceError: its `code` is gRPC's), or when the deadline has passed. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    deadlineMs = 60_000,
  ): Promise<MessageShape<O>> {
    const path = `/${method.parent.typeName}/${method.name}`;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        create(method.input, request),
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, answer?: MessageShape<O>) =>
          error === null ? resolve(answer!) : reject(error),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
