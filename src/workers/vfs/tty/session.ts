// Sessions and their controlling terminals (setsid(2), tty_ioctl(4)).

import type { OpenFile } from "../file.ts";
import type { ProcessName, SessionName } from "../processes.ts";

/** A terminal as sessions and process groups see it. */
export interface ControllingTerminal {
  /** Its device number, as /proc/PID/stat has it. */
  readonly device: number;
  /** The process group whose members may read and get the terminal's signals; null: none. */
  foregroundGroup: ProcessName | null;
  /** Opens it again, for /dev/tty. */
  open(flags: number): OpenFile | number;
  /** Whether the caller that lent it has it in the foreground of its own session. */
  setOurs(value: boolean): void;
  /** Its session's leader has ended, or gives it up. */
  disassociate(onExit: boolean): void;
}

export class Session {
  /** Null: it is somebody's outside the sandbox. */
  readonly id: SessionName | null;
  /** Null: it has none. */
  terminal: ControllingTerminal | null = null;

  constructor(id: SessionName | null) {
    this.id = id;
  }
}
