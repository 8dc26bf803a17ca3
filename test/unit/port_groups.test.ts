// Who may have a port: the answers are those of a look at each user of it, and cost as much as there are kinds of users.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { overlaps } from "../../src/workers/net/stack/inet/conflicts.ts";
import { PortGroups, type PortUser } from "../../src/workers/net/stack/inet/port_groups.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { ip } from "./stack_world.ts";

type Kind = { -readonly [Key in keyof PortUser]: PortUser[Key] };

function user(address: string, want: Partial<PortUser> = {}): Kind {
  return {
    local: ip(address),
    boundDevice: 0,
    v6only: false,
    isAside: false,
    reuseAddress: false,
    reusePort: false,
    uid: 0,
    isListening: false,
    isTimeWait: false,
    portGroup: null,
    ...want,
  };
}

function isInWay(one: PortUser, other: PortUser, isAny: boolean): boolean {
  if (one === other) return false;
  if (one.boundDevice !== 0 && other.boundDevice !== 0 && one.boundDevice !== other.boundDevice) return false;
  if (!overlaps(one, other)) return false;
  if (isAny) return true;
  if (one.reuseAddress && other.reuseAddress && !other.isListening) return false;
  return !(one.reusePort && other.reusePort && (other.isTimeWait || one.uid === other.uid));
}

test("answers are those of a look at each user", () => {
  const random = seededRandom(5);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const some = (): Kind =>
    user(pick(["0.0.0.0", "::", "127.0.0.1", "127.0.0.2", "::1", "fe80::1"]), {
      boundDevice: pick([0, 0, 1, 2]),
      v6only: pick([false, true]),
      reuseAddress: pick([false, true]),
      reusePort: pick([false, true]),
      uid: pick([0, 1000]),
      isListening: pick([false, false, true]),
      isTimeWait: pick([false, false, true]),
    });
  const groups = new PortGroups(77);
  const users: { one: Kind; port: number; isBound: boolean }[] = [];
  let taken = 0;
  for (let i = 0; i < 20_000; i++) {
    const port = pick([1, 2, 3]);
    const at = Math.floor(random() * users.length);
    if (users.length > 6 || (users.length > 0 && random() < 0.3)) {
      const [{ one, isBound }] = users.splice(at, 1) as [(typeof users)[0]];
      groups.remove(one, isBound);
    } else {
      const added = { one: some(), port, isBound: random() < 0.5 };
      groups.add(added.one, port, added.isBound);
      users.push(added);
    }
    if (users.length > 0 && random() < 0.2) {
      const { one, isBound } = pick(users);
      one.reuseAddress = !one.reuseAddress;
      groups.changed(one, isBound);
    }
    const who = users.length > 0 && random() < 0.3 ? pick(users).one : some();
    const isAny = random() < 0.2;
    const others = users.filter((other) => other.port === port);
    const expected = others.some(({ one }) => isInWay(who, one, isAny));
    if (expected) taken++;
    assert.is(groups.isTaken(who, port, isAny), expected);
    assert.is(groups.isFree(port), others.length === 0);
    assert.is(
      groups.isBound(port),
      others.some(({ isBound }) => isBound),
    );
  }
  assert.ok(taken > 2000 && taken < 18_000, `${taken}`);
  for (const { one, isBound } of users) groups.remove(one, isBound);
  assert.is(groups.count, 0);
});

test("many users of a port that are alike are one look", () => {
  const groups = new PortGroups(77);
  for (let i = 0; i < 60_000; i++) {
    const one = user("0.0.0.0", { reuseAddress: true });
    assert.not(groups.isTaken(one, 80));
    assert.ok(groups.looks <= 1);
    groups.add(one, 80, true);
  }
  // At as many addresses, each asks at its own.
  for (let i = 0; i < 60_000; i++) {
    const one = user(`127.1.${i >> 8}.${i & 255}`, { reuseAddress: true });
    assert.not(groups.isTaken(one, 80));
    assert.ok(groups.looks <= 3);
    groups.add(one, 80, true);
  }
});

test("users that all differ: a question looks at so many, and says no then", () => {
  const groups = new PortGroups(77);
  for (let uid = 0; uid < 10_000; uid++)
    groups.add(user("0.0.0.0", { reuseAddress: true, reusePort: true, uid }), 80, true);
  assert.ok(groups.isTaken(user("0.0.0.0", { reuseAddress: true }), 80));
  assert.ok(groups.looks <= 4097);
});

test.run();
