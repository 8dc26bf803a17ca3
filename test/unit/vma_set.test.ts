// The VMA set against a model that keeps one record a page: any sequence of changes gives the same
// pages, merged as far as possible, with the totals and gaps that follow from them.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EACCES, ENOMEM, EPERM } from "../../src/shared/abi/errno.ts";
import {
  changed,
  mergeable,
  PAGE_SIZE,
  STACK_GUARD_GAP,
  VM_DONTFORK,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_SEALED,
  VM_SHARED,
  type Vma,
  type VmaChange,
} from "../../src/workers/mem/vma.ts";
import { VmaPlan } from "../../src/workers/mem/vma_plan.ts";
import { VmaSet } from "../../src/workers/mem/vma_set.ts";

const PAGES = 40;
const HOLE = { start: 20 * PAGE_SIZE, end: 24 * PAGE_SIZE }; // the excluded range
const BACKINGS = [null, { file: 1 }, { file: 2 }];

interface Page {
  prot: number;
  flags: number;
  backing: object | null;
  offset: number;
  name: string;
}

type Model = (Page | null)[];

function emptyModel(): Model {
  return new Array<Page | null>(PAGES).fill(null);
}

/** What the model says the set must be: one VMA for each longest run. */
function vmasOf(model: Model): Vma[] {
  const vmas: Vma[] = [];
  for (const [i, page] of model.entries()) {
    if (page === null) continue;
    const vma: Vma = { ...page, maxProt: 7, start: i * PAGE_SIZE, end: (i + 1) * PAGE_SIZE };
    const last = vmas.at(-1);
    if (last !== undefined && mergeable(last, vma)) vmas[vmas.length - 1] = { ...last, end: vma.end };
    else vmas.push(vma);
  }
  return vmas;
}

function check(set: VmaSet, model: Model): void {
  const expected = vmasOf(model);
  assert.equal(
    set.all().map((vma) => ({ ...vma })),
    expected.map((vma) => ({ ...vma })),
  );
  assert.is(set.count, expected.length);
  const sum = (filter: (page: Page) => boolean) =>
    model.filter((page) => page !== null && filter(page)).length * PAGE_SIZE;
  assert.equal(
    { ...set.totals },
    {
      total: sum(() => true),
      locked: sum((page) => (page.flags & VM_LOCKED) !== 0),
      shared: sum((page) => (page.flags & VM_SHARED) !== 0 && (page.prot & 2) !== 0),
      stack: sum((page) => (page.flags & VM_GROWSDOWN) !== 0),
      data: sum((page) => (page.flags & (VM_GROWSDOWN | VM_SHARED)) === 0 && (page.prot & 2) !== 0),
      exec: sum((page) => (page.flags & VM_GROWSDOWN) === 0 && (page.prot & 6) === 4),
    },
  );
}

const range = fc
  .tuple(fc.nat(PAGES - 1), fc.integer({ min: 1, max: 12 }))
  .map(([start, length]) => ({ start, end: Math.min(PAGES, start + length) }));

const flags = fc.constantFrom(0, 0, 0, VM_SHARED, VM_LOCKED, VM_DONTFORK);
const prot = fc.constantFrom(0, 1, 3, 5, 7);

const command = fc.oneof(
  fc.record({
    op: fc.constant("map" as const),
    range,
    prot,
    flags,
    backing: fc.nat(BACKINGS.length - 1),
    offset: fc.nat(3),
    name: fc.constantFrom("", "", "", "[heap]"),
  }),
  fc.record({ op: fc.constant("unmap" as const), range }),
  fc.record({
    op: fc.constant("change" as const),
    range,
    change: fc.record({ prot, setFlags: flags, clearFlags: flags }, { requiredKeys: [] }),
    holes: fc.constantFrom("stop" as const, "skip" as const),
  }),
  fc.record({ op: fc.constant("move" as const), range, to: fc.nat(PAGES - 1), grow: fc.nat(2) }),
);

type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

interface Change {
  plan: VmaPlan;
  /** The same on the model. */
  apply(model: Model): void;
  from: number;
  to: number;
}

/** Plans a command, after checking that the set refuses what it must. */
function planned(set: VmaSet, model: Model, c: Command): Change | null {
  const start = c.range.start * PAGE_SIZE;
  const end = c.range.end * PAGE_SIZE;
  const touchesHole = (a: number, b: number) => a < HOLE.end && b > HOLE.start;
  switch (c.op) {
    case "map": {
      const backing = BACKINGS[c.backing]!;
      const offset = backing === null ? 0 : c.offset * PAGE_SIZE;
      const { prot, flags, name } = c;
      const plan = set.planMap({ start, end, prot, maxProt: 7, flags, backing, offset, name });
      if (touchesHole(start, end)) {
        assert.is(plan, -ENOMEM);
        return null;
      }
      return {
        plan: plan as VmaPlan,
        apply(target) {
          for (let i = c.range.start; i < c.range.end; i++) {
            const at = backing === null ? 0 : offset + (i - c.range.start) * PAGE_SIZE;
            target[i] = { prot, flags, backing, offset: at, name };
          }
        },
        from: c.range.start,
        to: c.range.end,
      };
    }
    case "unmap":
      return {
        plan: set.planUnmap(start, end) as VmaPlan,
        apply: (target) => target.fill(null, c.range.start, c.range.end),
        from: c.range.start,
        to: c.range.end,
      };
    case "change": {
      const plan = set.planChange(start, end, c.change as VmaChange, c.holes);
      const pages = model.slice(c.range.start, c.range.end);
      const hole = pages.indexOf(null);
      const reach = c.holes === "stop" && hole >= 0 ? c.range.start + hole : c.range.end;
      if (reach === c.range.start) {
        assert.is(plan, -ENOMEM);
        return null;
      }
      assert.is((plan as VmaPlan).error, hole >= 0 ? -ENOMEM : 0);
      assert.is((plan as VmaPlan).end, reach * PAGE_SIZE);
      return {
        plan: plan as VmaPlan,
        apply(target) {
          for (let i = c.range.start; i < reach; i++) {
            const page = target[i];
            if (page == null) continue;
            const vma = changed({ ...page, start: 0, end: PAGE_SIZE, maxProt: 7 }, c.change as VmaChange);
            target[i] = { ...page, prot: vma.prot, flags: vma.flags, name: vma.name };
          }
        },
        from: c.range.start,
        to: c.range.end,
      };
    }
    case "move": {
      const length = c.range.end - c.range.start;
      const to = { start: c.to * PAGE_SIZE, end: (c.to + length + c.grow) * PAGE_SIZE };
      if (to.end > PAGES * PAGE_SIZE) return null;
      const plan = set.planMove({ start, end }, to);
      if (typeof plan === "number") return null;
      return {
        plan,
        apply(target) {
          const first = { ...target[c.range.start]! };
          target.fill(null, c.range.start, c.range.end);
          for (let i = 0; i < length + c.grow; i++) {
            const offset = first.backing === null ? 0 : first.offset + i * PAGE_SIZE;
            target[c.to + i] = { ...first, offset };
          }
        },
        from: Math.min(c.range.start, c.to),
        to: Math.max(c.range.end, c.to + length + c.grow),
      };
    }
  }
}

test("changes one after the other", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(command, fc.boolean()), { maxLength: 40 }), (commands) => {
      const set = new VmaSet([HOLE]);
      const model = emptyModel();
      for (const [c, keep] of commands) {
        const change = planned(set, model, c);
        check(set, model); // planning changes nothing
        if (change === null) continue;
        if (keep) {
          change.plan.commit();
          change.apply(model);
        } else {
          change.plan.drop();
        }
        check(set, model);
        assert.is(set.reservedBytes, 0);
      }
    }),
    { numRuns: 1000 },
  );
});

test("plans of disjoint ranges may be committed in any order", () => {
  const low = command.filter((c) => c.op !== "move" && c.range.end <= 16);
  const high = command.filter((c) => c.op !== "move" && c.range.start >= 16 && c.range.end <= 20);
  fc.assert(
    fc.property(fc.array(fc.tuple(low, high, fc.boolean()), { maxLength: 20 }), (rounds) => {
      const set = new VmaSet([HOLE]);
      const model = emptyModel();
      for (const [a, b, swap] of rounds) {
        const changes = [planned(set, model, a), planned(set, model, b)].filter((change) => change !== null);
        if (swap) changes.reverse();
        for (const change of changes) {
          change.plan.commit();
          change.apply(model);
        }
        check(set, model);
      }
    }),
    { numRuns: 500 },
  );
});

test("a clone is independent", () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 20 }),
      fc.array(command, { maxLength: 20 }),
      (before, after) => {
        const run = (set: VmaSet, model: Model, commands: Command[]) => {
          for (const c of commands) {
            const change = planned(set, model, c);
            change?.plan.commit();
            change?.apply(model);
          }
        };
        const parent = new VmaSet([HOLE]);
        const model = emptyModel();
        run(parent, model, before);
        const child = parent.clone();
        const childModel = [...model];
        run(parent, model, after);
        check(child, childModel);
        check(parent, model);
      },
    ),
  );
});

test("gaps are the highest and the lowest that a scan of all pages finds", () => {
  const request = fc.record({
    low: fc.nat(PAGES - 1),
    size: fc.integer({ min: 1, max: PAGES }),
    length: fc.integer({ min: 1, max: 10 }),
    topDown: fc.boolean(),
    blocked: fc.array(range, { maxLength: 2 }),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 25 }), request, (commands, r) => {
      const set = new VmaSet([HOLE]);
      const model = emptyModel();
      for (const c of commands) {
        const change = planned(set, model, c);
        change?.plan.commit();
        change?.apply(model);
      }
      const high = Math.min(PAGES, r.low + r.size);
      const taken = (page: number) =>
        model[page] !== null ||
        (page * PAGE_SIZE >= HOLE.start && page * PAGE_SIZE < HOLE.end) ||
        r.blocked.some((b) => page >= b.start && page < b.end);
      const fits: number[] = [];
      for (let page = r.low; page + r.length <= high; page++) {
        let free = true;
        for (let i = 0; i < r.length; i++) free &&= !taken(page + i);
        if (free) fits.push(page * PAGE_SIZE);
      }
      const expected = (r.topDown ? fits.at(-1) : fits[0]) ?? -ENOMEM;
      const found = set.findGap({
        low: r.low * PAGE_SIZE,
        high: high * PAGE_SIZE,
        length: r.length * PAGE_SIZE,
        align: PAGE_SIZE,
        topDown: r.topDown,
        blocked: r.blocked.map((b) => ({ start: b.start * PAGE_SIZE, end: b.end * PAGE_SIZE })),
      });
      assert.is(found, expected);
      if (found >= 0) assert.ok(set.isFree(found, found + r.length * PAGE_SIZE));
    }),
    { numRuns: 2000 },
  );
});

const plain = { prot: 3, maxProt: 7, flags: 0, backing: null, offset: 0, name: "" };

function map(set: VmaSet, start: number, end: number, over: Partial<Vma> = {}): void {
  (set.planMap({ ...plain, start, end, ...over }) as VmaPlan).commit();
}

test("aligned gaps", () => {
  const set = new VmaSet([]);
  const align = 0x200000;
  map(set, 0x7fff_0000_0000, 0x7fff_0000_1000);
  for (const topDown of [true, false]) {
    const request = { low: 0x10_0000, high: 0x7fff_0000_0000, length: 0x3000, align, topDown };
    const found = set.findGap(request);
    assert.is(found % align, 0);
    assert.ok(set.isFree(found, found + 0x3000));
  }
});

test("nothing is placed in the guard gap below a stack", () => {
  const set = new VmaSet([]);
  const stack = 0x7000_0000;
  map(set, stack, stack + 0x1000, { flags: VM_GROWSDOWN });
  const request = { low: 0x1000, high: stack, length: PAGE_SIZE, align: PAGE_SIZE, topDown: true };
  assert.is(set.findGap(request), stack - STACK_GUARD_GAP - PAGE_SIZE);
  assert.not(set.isFree(stack - PAGE_SIZE, stack));
  // A fixed mapping may lie there, and the gap below it is still found.
  map(set, stack - PAGE_SIZE, stack, { prot: 1 });
  assert.is(set.findGap(request), stack - STACK_GUARD_GAP - PAGE_SIZE);
});

test("the limit on maps counts what open plans may add", () => {
  const set = new VmaSet([], 3);
  map(set, 0x1000, 0x10000);
  const plan = set.planUnmap(0x4000, 0x5000) as VmaPlan; // splits: 2
  const another = set.planUnmap(0x8000, 0x9000) as VmaPlan; // splits: 3
  assert.is(set.planUnmap(0xa000, 0xb000), -ENOMEM);
  assert.is(set.planMap({ ...plain, start: 0x20000, end: 0x21000 }), -ENOMEM);
  another.drop();
  assert.instance(set.planUnmap(0xa000, 0xb000), VmaPlan);
  plan.commit();
  assert.is(set.count, 2);
  // Removing whole VMAs always works.
  (set.planUnmap(0, 0x20000) as VmaPlan).commit();
  assert.is(set.count, 0);
});

test("mprotect beyond what the mapping allows fails where Linux does, after changing what is below", () => {
  const set = new VmaSet([]);
  const backing = {};
  map(set, 0x1000, 0x3000, { prot: 1 });
  map(set, 0x3000, 0x5000, { prot: 1, maxProt: 5, backing, flags: VM_SHARED });
  const plan = set.planChange(0x2000, 0x5000, { prot: 3 }, "stop") as VmaPlan;
  assert.is(plan.error, -EACCES);
  assert.is(plan.end, 0x3000);
  plan.commit();
  assert.is(set.find(0x2000)?.prot, 3);
  assert.is(set.find(0x3000)?.prot, 1);
  assert.is(set.planChange(0x3000, 0x4000, { prot: 3 }, "stop"), -EACCES);
});

test("a sealed mapping cannot be unmapped, mapped over, moved or changed", () => {
  const set = new VmaSet([]);
  map(set, 0x1000, 0x3000, { flags: VM_SEALED });
  assert.is(set.planUnmap(0x2000, 0x4000), -EPERM);
  assert.is(set.planMap({ ...plain, start: 0x2000, end: 0x4000 }), -EPERM);
  assert.is(set.planMove({ start: 0x1000, end: 0x2000 }, { start: 0x8000, end: 0x9000 }), -EPERM);
  assert.is(set.planChange(0x1000, 0x2000, { prot: 1 }, "stop"), -EPERM);
});

test("a plan ends once", () => {
  const plan = new VmaSet([]).planMap({ ...plain, start: 0x1000, end: 0x2000 }) as VmaPlan;
  plan.commit();
  assert.throws(() => plan.drop());
});

test("sixty thousand maps and searches among them", () => {
  const set = new VmaSet([]);
  for (let i = 0; i < 60_000; i++) map(set, i * 0x4000 + 0x1000, i * 0x4000 + 0x2000);
  for (let i = 0; i < 60_000; i++) {
    const start = ((i * 7919) % 60_000) * 0x4000 + 0x1000;
    assert.ok(set.find(start) !== null);
    const gap = set.findGap({
      low: 0x1000,
      high: 2 ** 46,
      length: 0x3000,
      align: 0x1000,
      topDown: i % 2 === 0,
    });
    assert.ok(gap > 0);
  }
});

test.run();
