// The timers of a stack. A wheel of nine levels, each of 64 slots, each level eight times as coarse as the one below it;
// a timer stands in the finest level that reaches as far as it does, so that it is late by an eighth of its time at most,
// or a tick, and never early. Nothing moves from level to level: arming and ending one takes a few instructions, however
// many there are, and what expires is taken slot by slot.
//
// Timers are lazy: a later deadline, or none, leaves the timer where it stands, since that is what nearly all timers of a
// connection get (each acknowledgement puts the retransmission off). When its slot comes, it goes where it belongs. So
// the wheel may ask to be looked at once for a timer that has nothing to do.

/** A tick, in µs. */
const TICK_US = 1000;
const LEVELS = 9;
const SLOTS = 64;
/** Each level's tick is so many of the level below it. */
const STEP = 8;

const LEVEL_TICKS = Array.from({ length: LEVELS }, (_, level) => STEP ** level);
/** Timers that end in fewer ticks than that stand in the level, or in one below it. */
const LEVEL_REACH = LEVEL_TICKS.map((ticks) => (SLOTS - 1) * ticks);
const REACH_MAX = LEVEL_REACH[LEVELS - 1]! - 1;

export abstract class Timer {
  /** On the stack's clock; infinity: it is not armed. */
  deadlineUs = Number.POSITIVE_INFINITY;
  /** Where it stands: the wheel's. */
  slot = -1;
  slotTick = 0;
  previous: Timer | null = null;
  next: Timer | null = null;

  get isArmed(): boolean {
    return this.deadlineUs !== Number.POSITIVE_INFINITY;
  }

  /** Its deadline has passed; it is not armed any more, and may be armed again. */
  abstract expired(): void;
}

/** Who has the time, in µs, which never goes back. */
export interface WheelClock {
  readonly nowUs: number;
  /** Work of a timer that expired, as many usual ones make, beyond its own. */
  extraWork: number;
}

export class TimerWheel {
  readonly #clock: WheelClock;
  readonly #slots: (Timer | null)[] = new Array<Timer | null>(LEVELS * SLOTS).fill(null);
  /** When what stands in a slot is due; infinity: nothing does. */
  readonly #due = new Float64Array(LEVELS * SLOTS).fill(Number.POSITIVE_INFINITY);
  /** The earliest of each level, or earlier. */
  readonly #levelDue = new Float64Array(LEVELS).fill(Number.POSITIVE_INFINITY);
  /** Slots due up to this tick have been taken. */
  #tick: number;
  #count = 0;

  constructor(clock: WheelClock) {
    this.#clock = clock;
    this.#tick = Math.floor(clock.nowUs / TICK_US);
  }

  /** Timers that stand in it, armed or not. */
  get count(): number {
    return this.#count;
  }

  /** When expire() has something to do; infinity: never. */
  get nextDeadlineUs(): number {
    return this.#nextTick() * TICK_US;
  }

  /** Arms a timer, or gives an armed one another deadline. */
  schedule(timer: Timer, deadlineUs: number): void {
    timer.deadlineUs = deadlineUs;
    if (timer.slot >= 0) {
      if (timer.slotTick * TICK_US <= deadlineUs) return;
      this.#unlink(timer);
    }
    this.#forward();
    this.#insert(timer);
  }

  /** It is not armed. Until its slot comes, the wheel knows it still; see remove. */
  cancel(timer: Timer): void {
    timer.deadlineUs = Number.POSITIVE_INFINITY;
  }

  /** It is not armed, and the wheel does not know it any more: for timers whose owner ends. */
  remove(timer: Timer): void {
    timer.deadlineUs = Number.POSITIVE_INFINITY;
    if (timer.slot >= 0) this.#unlink(timer);
  }

  /** Expires what is due, looking at up to so many timers, fewer of those that cost more. True: there is more. */
  expire(max: number): boolean {
    this.#clock.extraWork = 0;
    const { nowUs } = this.#clock;
    const nowTick = Math.floor(nowUs / TICK_US);
    for (let left = max; ; ) {
      const due = this.#nextTick();
      if (due > nowTick) break;
      this.#tick = due;
      const slot = this.#slotDueAt(due);
      if (slot < 0) continue;
      for (let timer = this.#slots[slot]!; timer !== null; timer = this.#slots[slot]!) {
        if (left-- <= 0) return true;
        this.#unlink(timer);
        if (timer.deadlineUs <= nowUs) {
          timer.deadlineUs = Number.POSITIVE_INFINITY;
          timer.expired();
          left -= this.#clock.extraWork;
          this.#clock.extraWork = 0;
        } else if (timer.isArmed) this.#insert(timer);
      }
    }
    this.#tick = Math.max(this.#tick, nowTick);
    return false;
  }

  /** What comes next is measured from now on, not from when the wheel was last looked at. */
  #forward(): void {
    const nowTick = Math.floor(this.#clock.nowUs / TICK_US);
    if (nowTick > this.#tick) this.#tick = Math.min(nowTick, Math.max(this.#tick, this.#nextTick()));
  }

  #insert(timer: Timer): void {
    const wanted = Math.max(timer.deadlineUs / TICK_US, this.#tick);
    const tick = Math.min(wanted, this.#tick + REACH_MAX);
    let level = 0;
    while (tick - this.#tick >= LEVEL_REACH[level]!) level++;
    const ticks = LEVEL_TICKS[level]!;
    const turn = Math.floor(tick / ticks) + 1;
    const slot = level * SLOTS + (turn % SLOTS);
    const due = turn * ticks;
    const first = this.#slots[slot]!;
    timer.slot = slot;
    timer.slotTick = due;
    timer.previous = null;
    timer.next = first;
    if (first !== null) first.previous = timer;
    this.#slots[slot] = timer;
    this.#due[slot] = due;
    if (due < this.#levelDue[level]!) this.#levelDue[level] = due;
    this.#count++;
  }

  #unlink(timer: Timer): void {
    const { slot, previous, next } = timer;
    if (previous === null) this.#slots[slot] = next;
    else previous.next = next;
    if (next !== null) next.previous = previous;
    if (this.#slots[slot] === null) this.#due[slot] = Number.POSITIVE_INFINITY;
    timer.previous = null;
    timer.next = null;
    timer.slot = -1;
    this.#count--;
  }

  #nextTick(): number {
    let tick = Number.POSITIVE_INFINITY;
    for (let level = 0; level < LEVELS; level++) tick = Math.min(tick, this.#levelDue[level]!);
    return tick;
  }

  /** The slot whose time that tick is, and which is not empty; -1: there is none, and the levels know better now. */
  #slotDueAt(tick: number): number {
    for (let level = 0; level < LEVELS; level++) {
      if (this.#levelDue[level] !== tick) continue;
      const first = level * SLOTS;
      let earliest = Number.POSITIVE_INFINITY;
      let found = -1;
      for (let slot = first; slot < first + SLOTS; slot++) {
        if (this.#due[slot]! >= earliest) continue;
        earliest = this.#due[slot]!;
        found = slot;
      }
      this.#levelDue[level] = earliest;
      if (earliest === tick) return found;
    }
    return -1;
  }
}
