// The text of /proc/net/dev for whoever asks from outside, wherever the network is.

import type { Network } from "../network.ts";
import type { TextOwner } from "./remote_text.ts";
import { linesOf, NET_TEXT_NAMES } from "./texts.ts";

const NAME = "dev";
/** Chars of what goes into an answer of a control connection, which nobody waits for. */
const TEXT_MAX = 65_536;

/** `take` gets its lines, as many as there is room for; `owner`: the kernel thread that makes texts, or null: this one. */
export function askDevText(network: Network, owner: TextOwner | null, take: (text: string) => void): void {
  if (owner === null) take(ownText(network));
  else askRemote(network, owner, 0, "", take);
}

function ownText(network: Network): string {
  let text = "";
  for (const line of linesOf(network, NAME, network.owner.uids)) {
    if (text.length + line.length > TEXT_MAX) break;
    text += line;
  }
  return text;
}

function askRemote(
  network: Network,
  owner: TextOwner,
  from: number,
  before: string,
  take: (text: string) => void,
): void {
  owner.askText(network.number, NET_TEXT_NAMES.indexOf(NAME), from, network.owner, (text, next) => {
    if (before.length + text.length > TEXT_MAX) take(before);
    else if (next < 0) take(before + text);
    else askRemote(network, owner, next, before + text, take);
  });
}
