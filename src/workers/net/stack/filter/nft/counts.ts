// Expressions that keep count of packets: counter, limit, quota and numgen.

import { EINVAL, EOVERFLOW } from "../../../../../shared/abi/errno.ts";
import { NFT_BREAK } from "../../../../../shared/abi/nftables.ts";
import type { Evaluation } from "../evaluation.ts";
import { number32, number64 } from "./attributes.ts";
import { Expression, type MakeExpression, NEXT } from "./expression.ts";

/** NFTA_COUNTER_*, NFTA_LIMIT_*, NFTA_QUOTA_*, NFTA_NG_* */
const COUNTER = { BYTES: 1, PACKETS: 2 } as const;
const LIMIT = { RATE: 1, UNIT: 2, BURST: 3, TYPE: 4, FLAGS: 5 } as const;
const QUOTA = { BYTES: 1, FLAGS: 2, CONSUMED: 4 } as const;
const NUMGEN = { DREG: 1, MODULUS: 2, TYPE: 3, OFFSET: 4 } as const;

const US_PER_S = 1_000_000;
const NS_PER_S = 1_000_000_000;
const U64_MAX = 2 ** 64;

class Counter extends Expression {
  #packets: number;
  #bytes: number;

  constructor(packets: number, bytes: number) {
    super();
    this.#packets = packets;
    this.#bytes = bytes;
  }

  override run(at: Evaluation): number {
    this.#packets++;
    this.#bytes += at.length;
    return NEXT;
  }

  override data(): Buffer {
    return Buffer.concat([number64(COUNTER.BYTES, this.#bytes), number64(COUNTER.PACKETS, this.#packets)]);
  }
}

const counter: MakeExpression = (attributes) =>
  new Counter(attributes.u64(COUNTER.PACKETS) ?? 0, attributes.u64(COUNTER.BYTES) ?? 0);

// ---- limit ----

const [PACKETS, BYTES] = [0, 1];
const LIMIT_INVERTED = 1;
const BURST_DEFAULT = 5;

/** Credit is time: of packets each costs as much, of bytes each as much as it is long. */
class Limit extends Expression {
  readonly #costUs: number;
  readonly #isOfBytes: boolean;
  readonly #mostUs: number;
  readonly #isInverted: boolean;
  #creditUs: number;
  #lastUs = Number.NEGATIVE_INFINITY;

  constructor(costUs: number, mostUs: number, isOfBytes: boolean, isInverted: boolean) {
    super();
    this.#costUs = costUs;
    this.#mostUs = mostUs;
    this.#isOfBytes = isOfBytes;
    this.#isInverted = isInverted;
    this.#creditUs = mostUs;
  }

  override run(at: Evaluation): number {
    const { nowUs } = at.actions.core;
    this.#creditUs = Math.min(this.#mostUs, this.#creditUs + (nowUs - this.#lastUs));
    this.#lastUs = nowUs;
    const costUs = this.#isOfBytes ? this.#costUs * at.length : this.#costUs;
    const isIn = this.#creditUs >= costUs;
    if (isIn) this.#creditUs -= costUs;
    return isIn !== this.#isInverted ? NEXT : NFT_BREAK;
  }
}

const limit: MakeExpression = (attributes) => {
  const rate = attributes.u64(LIMIT.RATE);
  const unit = attributes.u64(LIMIT.UNIT);
  const type = attributes.u32(LIMIT.TYPE) ?? PACKETS;
  const flags = attributes.u32(LIMIT.FLAGS) ?? 0;
  if (rate === undefined || unit === undefined || type > BYTES || (flags & ~LIMIT_INVERTED) !== 0)
    return -EINVAL;
  if (rate === 0 || unit === 0) return -EINVAL;
  if (unit * NS_PER_S >= U64_MAX) return -EOVERFLOW;
  const given = attributes.u32(LIMIT.BURST) ?? 0;
  const burst = type === PACKETS && given === 0 ? BURST_DEFAULT : given;
  if (rate + burst >= U64_MAX) return -EOVERFLOW;
  const costUs = (unit * US_PER_S) / rate;
  const mostUs = type === PACKETS ? costUs * burst : costUs * (rate + burst);
  return new Limit(costUs, mostUs, type === BYTES, (flags & LIMIT_INVERTED) !== 0);
};

// ---- quota ----

const QUOTA_INVERTED = 1;

class Quota extends Expression {
  readonly #bytes: number;
  readonly #isInverted: boolean;
  #consumed: number;

  constructor(bytes: number, isInverted: boolean, consumed: number) {
    super();
    this.#bytes = bytes;
    this.#isInverted = isInverted;
    this.#consumed = consumed;
  }

  override run(at: Evaluation): number {
    this.#consumed += at.length;
    return this.#consumed > this.#bytes === this.#isInverted ? NEXT : NFT_BREAK;
  }

  override data(): Buffer {
    return Buffer.concat([
      number64(QUOTA.BYTES, this.#bytes),
      number64(QUOTA.CONSUMED, Math.min(this.#consumed, this.#bytes)),
      number32(QUOTA.FLAGS, this.#isInverted ? QUOTA_INVERTED : 0),
    ]);
  }
}

const quota: MakeExpression = (attributes) => {
  const bytes = attributes.u64(QUOTA.BYTES);
  const flags = attributes.u32(QUOTA.FLAGS) ?? 0;
  if (bytes === undefined || (flags & ~QUOTA_INVERTED) !== 0) return -EINVAL;
  return new Quota(bytes, flags !== 0, attributes.u64(QUOTA.CONSUMED) ?? 0);
};

// ---- numgen ----

const [INCREMENTAL, RANDOM] = [0, 1];

class NumberGenerator extends Expression {
  readonly #to: number;
  readonly #modulus: number;
  readonly #offset: number;
  readonly #isRandom: boolean;
  #last: number;

  constructor(to: number, modulus: number, offset: number, isRandom: boolean) {
    super();
    this.#to = to;
    this.#modulus = modulus;
    this.#offset = offset;
    this.#isRandom = isRandom;
    this.#last = modulus - 1;
  }

  override run({ registers, actions: { core } }: Evaluation): number {
    if (this.#isRandom) this.#last = Math.floor(((core.host.random32() >>> 0) / 2 ** 32) * this.#modulus);
    else this.#last = this.#last + 1 < this.#modulus ? this.#last + 1 : 0;
    registers.setNumber(this.#to, this.#last + this.#offset);
    return NEXT;
  }
}

const numgen: MakeExpression = (attributes, { registers }) => {
  const modulus = attributes.u32(NUMGEN.MODULUS);
  const type = attributes.u32(NUMGEN.TYPE);
  const offset = attributes.u32(NUMGEN.OFFSET) ?? 0;
  if (modulus === undefined || modulus === 0 || type === undefined || type > RANDOM) return -EINVAL;
  if (offset + modulus - 1 >= 2 ** 32) return -EOVERFLOW;
  const to = registers.store(attributes.u32(NUMGEN.DREG), 4);
  return to < 0 ? to : new NumberGenerator(to, modulus, offset, type !== INCREMENTAL);
};

export const COUNTS: Readonly<Record<string, MakeExpression>> = { counter, limit, quota, numgen };
