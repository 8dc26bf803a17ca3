// Executes the instructions of call frame information up to an address (DWARF 5, 6.4.2), which gives the row for it. They are a
// guest's: bounded in number and in depth, and what is not known, or does not fit, gives no row.

import { Cursor, type Section } from "./cursor.ts";
import type { Cie, Fde } from "./frame_entries.ts";
import { type Expression, REGISTERS, type RegisterRule, type Row, Rule } from "./row.ts";

const INSTRUCTIONS_MAX = 4096;
const REMEMBERED_MAX = 16;
/** To remember costs as much as so many instructions. */
const COPY_COST = 16;
/** A frame is not larger, nor what it is said to be. */
const OFFSET_MAX = 2 ** 31;

class State {
  register = -1;
  offset = 0;
  expression: Expression | null = null;
  readonly rules = new Uint8Array(REGISTERS);
  readonly values = new Float64Array(REGISTERS);
  /** Null in the place of those that were never there. */
  readonly expressions: (Expression | null)[] = new Array(REGISTERS).fill(null);

  copy(from: State): void {
    this.register = from.register;
    this.offset = from.offset;
    this.expression = from.expression;
    this.rules.set(from.rules);
    this.values.set(from.values);
    for (let i = 0; i < REGISTERS; i++) this.expressions[i] = from.expressions[i]!;
  }

  set(register: number, rule: number, value: number, expression: Expression | null): void {
    // Of others nobody wants to know.
    if (register >= REGISTERS) return;
    this.rules[register] = rule;
    this.values[register] = value;
    this.expressions[register] = expression;
  }
}

/** The row for an address, in the file's own terms; null: there is none. */
export function rowFor(section: Section, fde: Fde, address: number): Row | null {
  const { cie } = fde;
  const machine = new RowMachine(section, cie);
  const common = new Cursor(section, cie.start, cie.end);
  if (!machine.run(common, fde.from, Number.POSITIVE_INFINITY)) return null;
  machine.initial.copy(machine.state);
  if (!machine.run(new Cursor(section, fde.start, fde.end), fde.from, address)) return null;
  return machine.row(cie.isSignal);
}

class RowMachine {
  readonly #section: Section;
  readonly #cie: Cie;
  #left = INSTRUCTIONS_MAX;
  #location = 0;
  state = new State();
  /** What `restore` restores: it is set when the common part was executed. */
  readonly initial = new State();
  readonly #remembered: State[] = [];

  constructor(section: Section, cie: Cie) {
    this.#section = section;
    this.#cie = cie;
  }

  /** Executes what holds at `until`; false: it cannot be done. */
  run(cursor: Cursor, from: number, until: number): boolean {
    this.#location = from;
    while (!cursor.isAtEnd) {
      if (--this.#left < 0) return false;
      const byte = cursor.u8();
      const operand = byte & 0x3f;
      switch (byte >>> 6) {
        case 1:
          this.#location += operand * this.#cie.codeAlignment;
          break;
        case 2:
          this.#saved(operand, cursor.uleb());
          break;
        case 3:
          this.#restore(operand);
          break;
        default:
          if (!this.#extended(operand, cursor)) return false;
      }
      // What follows holds from there on.
      if (this.#location > until) return true;
    }
    return !cursor.failed;
  }

  #saved(register: number, factored: number): void {
    this.state.set(register, Rule.SAVED, factored * this.#cie.dataAlignment, null);
  }

  #restore(register: number): void {
    if (register >= REGISTERS) return;
    const { rules, values, expressions } = this.initial;
    this.state.set(register, rules[register]!, values[register]!, expressions[register]!);
  }

  #expression(cursor: Cursor): Expression {
    const length = cursor.uleb();
    const start = cursor.take(length);
    return { section: this.#section, start: Math.max(start, 0), end: Math.max(start, 0) + length };
  }

  /** DW_CFA_... by their numbers. */
  #extended(operation: number, cursor: Cursor): boolean {
    const { state } = this;
    const { codeAlignment, dataAlignment, encoding } = this.#cie;
    switch (operation) {
      case 0x00: // nop
        return true;
      case 0x01: // set_loc
        this.#location = cursor.pointer(encoding, 0);
        return true;
      case 0x02: // advance_loc1
        this.#location += cursor.u8() * codeAlignment;
        return true;
      case 0x03: // advance_loc2
        this.#location += cursor.u16() * codeAlignment;
        return true;
      case 0x04: // advance_loc4
        this.#location += cursor.u32() * codeAlignment;
        return true;
      case 0x05: // offset_extended
        this.#saved(cursor.uleb(), cursor.uleb());
        return true;
      case 0x06: // restore_extended
        this.#restore(cursor.uleb());
        return true;
      case 0x07: // undefined
        state.set(cursor.uleb(), Rule.UNDEFINED, 0, null);
        return true;
      case 0x08: // same_value
        state.set(cursor.uleb(), Rule.SAME, 0, null);
        return true;
      case 0x09: // register
        state.set(cursor.uleb(), Rule.REGISTER, cursor.uleb(), null);
        return true;
      case 0x0a: // remember_state
        return this.#remember();
      case 0x0b: // restore_state
        return this.#recall();
      case 0x0c: // def_cfa
        return this.#frame(cursor.uleb(), cursor.uleb());
      case 0x0d: // def_cfa_register
        return this.#frame(cursor.uleb(), state.offset);
      case 0x0e: // def_cfa_offset
        return this.#frame(state.register, cursor.uleb());
      case 0x0f: // def_cfa_expression
        state.register = -1;
        state.expression = this.#expression(cursor);
        return true;
      case 0x10: // expression
        state.set(cursor.uleb(), Rule.SAVED_BY, 0, this.#expression(cursor));
        return true;
      case 0x11: // offset_extended_sf
        this.#saved(cursor.uleb(), cursor.sleb());
        return true;
      case 0x12: // def_cfa_sf
        return this.#frame(cursor.uleb(), cursor.sleb() * dataAlignment);
      case 0x13: // def_cfa_offset_sf
        return this.#frame(state.register, cursor.sleb() * dataAlignment);
      case 0x14: // val_offset
        state.set(cursor.uleb(), Rule.OFFSET, cursor.uleb() * dataAlignment, null);
        return true;
      case 0x15: // val_offset_sf
        state.set(cursor.uleb(), Rule.OFFSET, cursor.sleb() * dataAlignment, null);
        return true;
      case 0x16: // val_expression
        state.set(cursor.uleb(), Rule.VALUE_OF, 0, this.#expression(cursor));
        return true;
      case 0x2e: // GNU_args_size
        cursor.uleb();
        return true;
      case 0x2f: // GNU_negative_offset_extended
        this.#saved(cursor.uleb(), -cursor.uleb());
        return true;
      default:
        return false;
    }
  }

  #frame(register: number, offset: number): boolean {
    if (register < 0 || register >= REGISTERS) return false;
    this.state.register = register;
    this.state.offset = offset;
    this.state.expression = null;
    return true;
  }

  #remember(): boolean {
    if (this.#remembered.length >= REMEMBERED_MAX) return false;
    this.#left -= COPY_COST;
    const copy = new State();
    copy.copy(this.state);
    this.#remembered.push(copy);
    return true;
  }

  #recall(): boolean {
    const remembered = this.#remembered.pop();
    if (remembered === undefined) return false;
    this.state = remembered;
    return true;
  }

  /** What was found; null: no frame has been described, or none that there can be. */
  row(isSignal: boolean): Row | null {
    const { register, offset, expression, rules: kinds, values, expressions } = this.state;
    if (register < 0 && expression === null) return null;
    if (!(Math.abs(offset) <= OFFSET_MAX)) return null;
    const rules: RegisterRule[] = [];
    for (let i = 0; i < REGISTERS; i++) {
      const rule = kinds[i]!;
      if (rule === Rule.SAME) continue;
      const value = values[i]!;
      if (!(Math.abs(value) <= OFFSET_MAX)) return null;
      rules.push({ register: i, rule, value, expression: expressions[i]! });
    }
    return { register, offset, expression, rules, isSignal };
  }
}
