// What a guest thread answers by itself, without a request (docs/hardening.md, F19): the words in its slot that its
// stub goes by (native/stub/stub_local.c). Nothing is read back: a guest that writes there deceives itself.
//
// Whoever begins to watch a thread's calls clears LOCAL before anybody can know of it. A call that has begun by then
// may still be answered by the thread, as on Linux one that is past the look at its filters.

import {
  LOCAL,
  LOCAL_ASK,
  LOCAL_CALLS,
  LOCAL_EGID,
  LOCAL_EUID,
  LOCAL_GID,
  LOCAL_PID,
  LOCAL_TID,
  LOCAL_UID,
} from "../../shared/ring/layout.ts";
import type { CallContext } from "../call/context.ts";
import type { Credentials } from "../credentials/credentials.ts";

/** A guest thread, as those who call it know it. */
export interface Identity {
  readonly call: { readonly slot: number };
  readonly tid: number;
  readonly group: { readonly pid: number };
  readonly credentials: Credentials;
  /** All its calls are to be posted. */
  readonly isWatched: boolean;
}

export interface LocalContext extends CallContext {
  /** How many of the calls that trap are counted; null: none, since nothing is patched. */
  readonly patcher: { readonly every: number } | null;
}

/** Of trapped calls that the thread could answer: every second is posted, every one, or hardly any (1 in 256). */
const ASK_SOME = 1;
const ASK_ALWAYS = 0;
const ASK_NEVER = -1;

/** Before the thread runs for the first time in its slot, and when it has become watched. */
export function allowLocalAnswers(kernel: LocalContext, thread: Identity): void {
  const { slots, patcher } = kernel;
  const { slot } = thread.call;
  tellIds(kernel, thread);
  // Sites are patched by what the kernel sees of them.
  const ask = patcher === null ? ASK_NEVER : patcher.every === 1 ? ASK_ALWAYS : ASK_SOME;
  slots.setWord(slot, LOCAL_ASK, ask);
  slots.setWord(slot, LOCAL, thread.isWatched ? 0 : LOCAL_CALLS);
}

/**
 * After each change of the thread's credentials, while it waits for the answer to the call that makes it; and when its user
 * namespace was given a map.
 */
export function tellIds({ slots }: CallContext, { call, group, tid, credentials }: Identity): void {
  slots.setWord(call.slot, LOCAL_PID, group.pid);
  slots.setWord(call.slot, LOCAL_TID, tid);
  const { uids, gids } = credentials.userNamespace;
  slots.setWord(call.slot, LOCAL_UID, uids.told(credentials.uid));
  slots.setWord(call.slot, LOCAL_EUID, uids.told(credentials.euid));
  slots.setWord(call.slot, LOCAL_GID, gids.told(credentials.gid));
  slots.setWord(call.slot, LOCAL_EGID, gids.told(credentials.egid));
}
