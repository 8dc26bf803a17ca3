// Settings of a terminal (struct termios): the bytes that TCGETS and TCSETS carry, and what they start as.

import * as IO from "../../../shared/abi/ioctl.ts";
import { termios2 } from "../../../shared/abi/structs_file.ts";

export const TERMIOS_SIZE = 36;
export const TERMIOS2_SIZE = 44;
export const WINSIZE_SIZE = 8;
const IFLAG = 0;
const OFLAG = 4;
const CFLAG = 8;
const LFLAG = 12;
const CC = 17;
const CC_COUNT = 19;

/** ^C ^\ ^? ^U ^D, no TIME, MIN 1, no SWTC, ^Q ^S ^Z, no EOL, ^R ^O ^W ^V, no EOL2 (INIT_C_CC). */
const CONTROL_CHARACTERS = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];
const SPEED = 38400;

export class Settings {
  readonly #bytes = new Uint8Array(TERMIOS2_SIZE);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor() {
    termios2.encode(
      {
        c_iflag: IO.ICRNL | IO.IXON,
        c_oflag: IO.OPOST | IO.ONLCR,
        c_cflag: IO.B38400 | IO.CS8 | IO.CREAD,
        c_lflag: IO.ISIG | IO.ICANON | IO.ECHO | IO.ECHOE | IO.ECHOK | IO.ECHOCTL | IO.ECHOKE | IO.IEXTEN,
        c_line: 0,
        c_cc: CONTROL_CHARACTERS,
        c_ispeed: SPEED,
        c_ospeed: SPEED,
      },
      this.#bytes,
      0,
    );
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** New settings, of either structure. A pseudo-terminal always has 8 bits, no parity and a receiver. */
  set(bytes: Uint8Array): void {
    this.#bytes.set(bytes);
    const cflag = this.#view.getUint32(CFLAG, true);
    this.#view.setUint32(CFLAG, (cflag & ~(IO.CSIZE | IO.PARENB)) | IO.CS8 | IO.CREAD, true);
  }

  input(flag: number): boolean {
    return (this.#view.getUint32(IFLAG, true) & flag) !== 0;
  }

  output(flag: number): boolean {
    return (this.#view.getUint32(OFLAG, true) & flag) !== 0;
  }

  /** Whether all bits of an output flag are set. */
  outputIs(mask: number, value: number): boolean {
    return (this.#view.getUint32(OFLAG, true) & mask) === value;
  }

  local(flag: number): boolean {
    return (this.#view.getUint32(LFLAG, true) & flag) !== 0;
  }

  /** A control character by its V* index; -1 where it is disabled. */
  character(index: number): number {
    const value = this.#bytes[CC + Math.min(index, CC_COUNT - 1)]!;
    return value === 0 ? -1 : value;
  }

  /** Output stops and goes on by ^S and ^Q, as packet mode tells. */
  get usualFlow(): boolean {
    return this.input(IO.IXON) && this.character(IO.VSTOP) === 19 && this.character(IO.VSTART) === 17;
  }

  get min(): number {
    return this.#bytes[CC + IO.VMIN]!;
  }

  /** Tenths of a second. */
  get time(): number {
    return this.#bytes[CC + IO.VTIME]!;
  }
}
