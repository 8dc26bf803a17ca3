// The line discipline (termios(3), N_TTY): from keys to lines or bytes for readers, with echo, editing and
// signals; and from what programs write to what the other side sees. It knows no files and no tasks.

import * as IO from "../../../shared/abi/ioctl.ts";
import { SIGINT, SIGQUIT, SIGTSTP } from "../../../shared/abi/signal.ts";
import { Settings } from "./settings.ts";

/** Bytes that wait to be read, and of a line that is being edited: N_TTY_BUF_SIZE less one. */
const INPUT_MAX = 4095;
/** Keys that wait until there is room for them (tty_buffer_set_limit). */
const TYPED_MAX = 8192;
/** Bytes on their way to the other side. */
const OUTPUT_MAX = 65536;

const NL = 10;
const CR = 13;
const TAB = 9;
const BACKSPACE = 8;
const BELL = 7;
const DELETE = 127;
const SPACE = 32;

/** What the line discipline tells the terminal that it belongs to. */
export interface LineEvents {
  signal(signo: number): void;
  /** Flow control: output stopped (^S), or goes on. */
  flow(stopped: boolean): void;
  flushed(): void;
}

/** What a read takes at once: a line, or bytes. An end of file is an empty line. */
interface Chunk {
  bytes: number[];
  /** A whole line; otherwise bytes without structure. */
  readonly isLine: boolean;
}

export class LineDiscipline {
  readonly settings = new Settings();
  readonly #events: LineEvents;
  #chunks: Chunk[] = [];
  #available = 0;
  #line: number[] = [];
  /** Keys that have found no room, in order. */
  #typed: number[] = [];
  #literalNext = false;
  #stopped = false;
  /** For the other side, in order. */
  #output: number[] = [];
  /** Echo of the keys that are being taken, which waits while output is stopped. */
  #held: number[] = [];
  #holds = false;
  #column = 0;
  /** Column at which the line that is edited began. */
  #lineColumn = 0;

  constructor(events: LineEvents) {
    this.#events = events;
  }

  // ---- Readers ----

  /** Bytes that a read may take; -1: nothing has come. 0 is an end of file. */
  get available(): number {
    return this.#chunks.length === 0 ? -1 : this.#available;
  }

  /** Bytes as FIONREAD counts them. */
  get pending(): number {
    return this.#available;
  }

  /** Takes up to `length` bytes, not beyond a line. */
  take(length: number): number[] {
    const isCanonical = this.settings.local(IO.ICANON);
    const taken: number[] = [];
    while (this.#chunks.length > 0 && (taken.length < length || this.#chunks[0]!.bytes.length === 0)) {
      const chunk = this.#chunks[0]!;
      const part = chunk.bytes.splice(0, length - taken.length);
      for (const byte of part) taken.push(byte);
      this.#available -= part.length;
      if (chunk.bytes.length > 0) break;
      this.#chunks.shift();
      if (isCanonical && chunk.isLine) break;
    }
    this.#goOn();
    return taken;
  }

  /** Gives back what a reader did not get. */
  untake(bytes: number[]): void {
    this.#chunks.unshift({ bytes, isLine: this.settings.local(IO.ICANON) });
    this.#available += bytes.length;
  }

  /** Room for keys. */
  get inputRoom(): number {
    return TYPED_MAX - this.#typed.length;
  }

  /** Keys wait for a reader. Where there is no line to be read they do not: they are dropped, but for its end. */
  get #isFull(): boolean {
    if (this.#available + this.#line.length < INPUT_MAX) return false;
    return this.#chunks.length > 0 || !this.settings.local(IO.ICANON);
  }

  /** Drops what has been typed; keys that had found no room come after that. */
  dropInput(): void {
    this.flushInput();
    this.#goOn();
  }

  flushInput(): void {
    this.#chunks = [];
    this.#available = 0;
    this.#line = [];
  }

  /** There may be room for keys again. */
  #goOn(): void {
    if (this.#typed.length > 0 && !this.#isFull) this.input([]);
  }

  changed(wasCanonical: boolean): void {
    if (wasCanonical === this.settings.local(IO.ICANON)) return;
    // What was typed so far can be read at once.
    if (this.#line.length > 0) this.#commit(this.#line, wasCanonical);
    this.#line = [];
    this.#goOn();
  }

  #commit(bytes: number[], isLine: boolean): void {
    const last = this.#chunks.at(-1);
    this.#available += bytes.length;
    if (!isLine && last !== undefined && !last.isLine) for (const byte of bytes) last.bytes.push(byte);
    else this.#chunks.push({ bytes, isLine });
  }

  // ---- Keys ----

  input(bytes: Iterable<number>): void {
    const keys = this.#typed;
    for (const byte of bytes) keys.push(byte);
    this.#holds = true;
    let done = 0;
    while (done < keys.length && !this.#isFull) this.#key(keys[done++]!);
    keys.splice(0, done);
    this.#holds = false;
    if (!this.#stopped) this.#release();
  }

  #release(): void {
    for (const byte of this.#held.splice(0)) this.#output.push(byte);
  }

  #key(given: number): void {
    const { settings } = this;
    let byte = settings.input(IO.ISTRIP) ? given & 0x7f : given;
    if (settings.input(IO.IUCLC) && settings.local(IO.IEXTEN) && byte >= 65 && byte <= 90) byte += 32;
    if (this.#literalNext) {
      this.#literalNext = false;
      this.#ordinary(byte, true);
      return;
    }
    if (this.#isFlow(byte) || this.#isSignal(byte)) return;
    if (this.#stopped && settings.input(IO.IXON) && settings.input(IO.IXANY)) this.setStopped(false);
    if (byte === CR) {
      if (settings.input(IO.IGNCR)) return;
      if (settings.input(IO.ICRNL)) byte = NL;
    } else if (byte === NL && settings.input(IO.INLCR)) byte = CR;
    if (settings.local(IO.ICANON) && this.#isEditing(byte)) return;
    this.#ordinary(byte);
  }

  #isFlow(byte: number): boolean {
    const { settings } = this;
    if (!settings.input(IO.IXON)) return false;
    const isStart = byte === settings.character(IO.VSTART);
    if (!isStart && byte !== settings.character(IO.VSTOP)) return false;
    this.setStopped(!isStart);
    return true;
  }

  #isSignal(byte: number): boolean {
    const { settings } = this;
    if (!settings.local(IO.ISIG)) return false;
    const signals = [
      [IO.VINTR, SIGINT],
      [IO.VQUIT, SIGQUIT],
      [IO.VSUSP, SIGTSTP],
    ] as const;
    for (const [index, signo] of signals) {
      if (byte !== settings.character(index)) continue;
      if (!settings.local(IO.NOFLSH)) {
        this.flushInput();
        this.flushOutput();
      }
      if (this.#stopped && settings.input(IO.IXON)) this.setStopped(false);
      if (settings.local(IO.ECHO)) this.#echo(byte);
      this.#events.signal(signo);
      return true;
    }
    return false;
  }

  /** Keys that edit or end a line. */
  #isEditing(byte: number): boolean {
    const { settings } = this;
    const extended = settings.local(IO.IEXTEN);
    if (byte === settings.character(IO.VERASE)) this.#erase("character");
    else if (byte === settings.character(IO.VKILL)) this.#erase("line");
    else if (extended && byte === settings.character(IO.VWERASE)) this.#erase("word");
    else if (extended && byte === settings.character(IO.VLNEXT)) {
      this.#literalNext = true;
      if (settings.local(IO.ECHO) && settings.local(IO.ECHOCTL)) this.#send([94, BACKSPACE]);
    } else if (extended && settings.local(IO.ECHO) && byte === settings.character(IO.VREPRINT)) {
      this.#echo(byte);
      this.#emit(NL);
      for (const shown of this.#line) this.#echo(shown);
    } else if (byte === NL) {
      if (settings.local(IO.ECHO) || settings.local(IO.ECHONL)) this.#emit(NL);
      this.#endLine(NL);
    } else if (byte === settings.character(IO.VEOF)) this.#endLine(-1);
    else if (byte === settings.character(IO.VEOL) || (extended && byte === settings.character(IO.VEOL2))) {
      if (settings.local(IO.ECHO)) this.#echo(byte);
      this.#endLine(byte);
    } else return false;
    return true;
  }

  #endLine(byte: number): void {
    const line = this.#line;
    this.#line = [];
    if (byte >= 0) line.push(byte);
    this.#commit(line, true);
  }

  #ordinary(byte: number, isLiteral = false): void {
    const { settings } = this;
    const isCanonical = settings.local(IO.ICANON);
    if (isCanonical && this.#line.length + this.#available >= INPUT_MAX) {
      if (settings.input(IO.IMAXBEL)) this.#send([BELL]);
      return;
    }
    if (settings.local(IO.ECHO)) {
      if (this.#line.length === 0) this.#lineColumn = this.#column;
      if (byte === NL && !isLiteral) this.#emit(NL);
      else this.#echo(byte);
    }
    const bytes = settings.input(IO.PARMRK) && byte === 0xff ? [0xff, 0xff] : [byte];
    if (isCanonical) for (const one of bytes) this.#line.push(one);
    else this.#commit(bytes, false);
  }

  // ---- Editing ----

  #isContinuation(byte: number): boolean {
    return this.settings.input(IO.IUTF8) && (byte & 0xc0) === 0x80;
  }

  #erase(what: "character" | "word" | "line"): void {
    const { settings } = this;
    const line = this.#line;
    if (line.length === 0) return;
    const echoes = settings.local(IO.ECHO);
    if (
      what === "line" &&
      !(echoes && settings.local(IO.ECHOK) && settings.local(IO.ECHOKE) && settings.local(IO.ECHOE))
    ) {
      this.#line = [];
      if (!echoes) return;
      this.#echo(settings.character(IO.VKILL));
      if (settings.local(IO.ECHOK)) this.#emit(NL);
      return;
    }
    let seenWord = false;
    while (line.length > 0) {
      const last = line.at(-1)!;
      const isWord = isWordByte(last);
      if (what === "word" && seenWord && !isWord && !this.#isContinuation(last)) break;
      if (isWord) seenWord = true;
      let byte = line.pop()!;
      while (this.#isContinuation(byte) && line.length > 0) byte = line.pop()!;
      if (echoes) this.#eraseShown(byte);
      if (what === "character") break;
    }
  }

  #eraseShown(byte: number): void {
    const { settings } = this;
    if (!settings.local(IO.ECHOE)) {
      this.#echo(settings.character(IO.VERASE));
      return;
    }
    if (byte === TAB) {
      const back = this.#column - this.#widthOfLine();
      for (let i = 0; i < back; i++) this.#send([BACKSPACE]);
      return;
    }
    const isControl = byte < SPACE || byte === DELETE;
    const columns = isControl ? (settings.local(IO.ECHOCTL) ? 2 : 0) : 1;
    for (let i = 0; i < columns; i++) this.#send([BACKSPACE, SPACE, BACKSPACE]);
  }

  /** The column that follows the line as it stands. */
  #widthOfLine(): number {
    let column = this.#lineColumn;
    for (const byte of this.#line) {
      if (byte === TAB) column = (column | 7) + 1;
      else if (byte < SPACE || byte === DELETE) column += this.settings.local(IO.ECHOCTL) ? 2 : 0;
      else if (!this.#isContinuation(byte)) column++;
    }
    return column;
  }

  // ---- Output ----

  get stopped(): boolean {
    return this.#stopped;
  }

  setStopped(value: boolean): void {
    if (this.#stopped === value) return;
    this.#stopped = value;
    if (!value) this.#release();
    this.#events.flow(value);
  }

  get outputLength(): number {
    return this.#output.length;
  }

  get outputRoom(): number {
    return this.#stopped ? 0 : Math.max(0, OUTPUT_MAX - this.#output.length);
  }

  takeOutput(length: number): number[] {
    return this.#output.splice(0, length);
  }

  untakeOutput(bytes: number[]): void {
    this.#output = [...bytes, ...this.#output];
  }

  flushOutput(): void {
    this.#output = [];
    this.#held = [];
    this.#events.flushed();
  }

  /** A character for the other side, past everything that is made of output (TCIOFF, TCION). */
  sendRaw(character: number): void {
    if (character >= 0) this.#output.push(character);
  }

  /** What a program writes; the bytes that found room. */
  write(bytes: Uint8Array): number {
    let done = 0;
    for (const byte of bytes) {
      if (this.outputRoom === 0) break;
      this.#emit(byte);
      done++;
    }
    return done;
  }

  /** A byte as output processing changes it. */
  #emit(given: number): void {
    const { settings } = this;
    let byte = given;
    if (!settings.output(IO.OPOST)) {
      this.#send([byte]);
      return;
    }
    switch (byte) {
      case NL:
        if (settings.output(IO.ONLCR)) this.#send([CR, NL]);
        else this.#send([NL]);
        if (settings.output(IO.ONLCR | IO.ONLRET)) this.#column = 0;
        return;
      case CR:
        if (settings.output(IO.ONOCR) && this.#column === 0) return;
        this.#send([settings.output(IO.OCRNL) ? NL : CR]);
        if (!settings.output(IO.OCRNL) || settings.output(IO.ONLRET)) this.#column = 0;
        return;
      case TAB:
        if (!settings.outputIs(IO.XTABS, IO.XTABS)) break;
        for (let spaces = 8 - (this.#column & 7); spaces > 0; spaces--) this.#send([SPACE]);
        return;
      default:
        if (settings.output(IO.OLCUC) && byte >= 97 && byte <= 122) byte -= 32;
    }
    this.#send([byte]);
  }

  /** Control characters show as ^X, if that is wanted. */
  #echo(byte: number): void {
    const isControl = (byte < SPACE && byte !== TAB) || byte === DELETE;
    if (isControl && this.settings.local(IO.ECHOCTL)) this.#send([94, byte ^ 0x40]);
    else if (byte >= 0) this.#send([byte]);
  }

  // Echo is dropped where nobody reads the other side.
  #send(bytes: readonly number[]): void {
    const holds = this.#stopped || this.#holds;
    const to = holds ? this.#held : this.#output;
    const limit = holds ? 2 * INPUT_MAX : 2 * OUTPUT_MAX;
    for (const byte of bytes) {
      if (to.length >= limit) return;
      to.push(byte);
      if (byte === BACKSPACE) this.#column = Math.max(0, this.#column - 1);
      else if (byte === TAB) this.#column = (this.#column | 7) + 1;
      else if (byte >= SPACE && byte !== DELETE && !this.#isContinuation(byte)) this.#column++;
    }
  }
}

function isWordByte(byte: number): boolean {
  return (
    byte === 95 ||
    (byte >= 48 && byte <= 57) ||
    (byte >= 65 && byte <= 90) ||
    (byte >= 97 && byte <= 122) ||
    byte >= 128
  );
}
