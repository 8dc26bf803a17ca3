// A profile that a connection holds: what is not fetched any more is let go, and threads record all or none. The kernel is
// made up.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { HeldProfile } from "../../src/main/control/profile.ts";
import { ofAll } from "../../src/main/kernel_threads.ts";
import { record } from "./profile_sample.ts";

const OPTIONS = { cpu: false, stacksPerSecond: 0 };
const SANDBOX = { platform: "systrap", workers: "net", patch: "on" };

async function held(profileStop = async () => [record()]) {
  const kernel = { profileStart: async () => SANDBOX, profileStop };
  return (await HeldProfile.start(kernel as never, OPTIONS)).profile;
}

test("parts come until there is none, and then no more", async () => {
  const profile = await held();
  await profile.stop();
  let parts = 0;
  while (profile.next() !== null) parts++;
  assert.ok(parts > 1);
  assert.throws(() => profile.next());
  await profile.settled();
});

test("what is forgotten is not kept, whenever that is", async () => {
  const early = await held();
  await early.stop();
  await early.forget();
  assert.throws(() => early.next());
  const late = Promise.withResolvers<ReturnType<typeof record>[]>();
  const profile = await held(() => late.promise);
  const stopped = profile.stop();
  await profile.forget();
  late.resolve([record()]);
  await stopped;
  assert.throws(() => profile.next());
});

test("where one thread cannot begin none records", async () => {
  const stopped: string[] = [];
  const thread = (name: string, fails = false) => ({
    turns: { ask: () => {} },
    remote: {
      profileStart: async () => {
        if (fails) throw new Error("no room");
        return SANDBOX;
      },
      profileStop: async () => {
        stopped.push(name);
        return [];
      },
    },
  });
  const all = ofAll(thread("0").remote as never, [thread("1", true), thread("2")] as never);
  let message = "";
  await all.profileStart(OPTIONS).catch((error: Error) => {
    message = error.message;
  });
  assert.is(message, "no room");
  assert.equal(stopped, ["0", "1", "2"]);
});

test.run();
