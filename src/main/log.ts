// The sandbox's log: JSON lines by pino, written synchronously to the descriptor that init gave, so
// that a record is out before whatever comes next can go wrong.

import pino from "pino";

export type Log = pino.Logger;

export function openLog(fd: number, debug: boolean): Log {
  return pino(
    { name: "sandbox", base: null, level: debug ? "debug" : "info" },
    pino.destination({ fd, sync: true }),
  );
}
