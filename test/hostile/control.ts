// One request over a sandbox's control socket, as `ringfence` itself makes them: JSON lines.

import { connect } from "node:net";

const DEADLINE_MS = 5_000;

/** The sandbox's counters by name. Rejects when there is no answer in time. */
export function counters(socketPath: string): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = "";
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error("no answer to a control request"));
    }, DEADLINE_MS);
    const settle = (action: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      action();
    };
    socket.on("connect", () => socket.write(`{"id":1,"method":"counters"}\n`));
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString();
      if (!text.includes("\n")) return;
      const answer = JSON.parse(text) as { result?: Record<string, number>; error?: unknown };
      settle(() =>
        answer.result ? resolve(answer.result) : reject(new Error(JSON.stringify(answer.error))),
      );
    });
    socket.on("error", (error) => settle(() => reject(error)));
    socket.on("close", () => settle(() => reject(new Error("the control connection was closed"))));
  });
}
