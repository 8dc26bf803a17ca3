// Docker's daemon.json.

import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";
import { CommandError } from "../cli/command_error.ts";
import { type Editor, isThere, isTree, mustMean, nodeAt, parsed, type Runtime, withNode } from "./edit.ts";

const RUNTIMES = "runtimes";
const EMPTY = "{}\n";

const endOf = ({ offset, length }: Node): number => offset + length;

/** What one level is indented by, as the file has it already. */
const indentOf = (text: string): string => /^([ \t]+)"/m.exec(text)?.[1] ?? "  ";

/** `"name": value` as a member of an object at that depth; on one line where the whole file is. */
function memberText(text: string, name: string, value: object, depth: number): string {
  if (!text.trim().includes("\n")) return `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
  const indent = indentOf(text);
  const lines = `${JSON.stringify(name)}: ${JSON.stringify(value, null, indent)}`.split("\n");
  const newLine = text.includes("\r\n") ? "\r\n" : "\n";
  return lines.map((line) => `${newLine}${indent.repeat(depth)}${line}`).join("");
}

/** A member more, behind all others. */
function withMember(text: string, at: Node, name: string, value: object, depth: number): string {
  const member = memberText(text, name, value, depth);
  const last = at.children?.at(-1);
  if (last !== undefined) return `${text.slice(0, endOf(last))},${member}${text.slice(endOf(last))}`;
  const end = member.includes("\n") ? `\n${indentOf(text).repeat(depth - 1)}` : "";
  return `${text.slice(0, at.offset)}{${member}${end}}${text.slice(endOf(at))}`;
}

/** Without a member, and the comma that parts it from another one. */
function withoutMember(text: string, at: Node, name: string): string {
  const members = at.children ?? [];
  const index = members.findIndex(({ children }) => children?.[0]?.value === name);
  const [before, member, after] = [members[index - 1], members[index]!, members[index + 1]];
  const from = before === undefined ? member.offset : endOf(before);
  const to = before === undefined && after !== undefined ? after.offset : endOf(member);
  return text.slice(0, from) + text.slice(to);
}

function entryOf({ path, flags }: Runtime): object {
  return { path, ...(flags.length > 0 && { runtimeArgs: flags }) };
}

function added(text: string, name: string, entry: object): string {
  const root = parseTree(text)!;
  const runtimes = findNodeAtLocation(root, [RUNTIMES]);
  if (runtimes === undefined) return withMember(text, root, RUNTIMES, { [name]: entry }, 1);
  return withMember(text, runtimes, name, entry, 2);
}

/** Without a runtime, and without an object of none. */
function removed(text: string, name: string): string {
  const root = parseTree(text)!;
  const runtimes = findNodeAtLocation(root, [RUNTIMES])!;
  if (runtimes.children!.length > 1) return withoutMember(text, runtimes, name);
  return root.children!.length > 1 ? withoutMember(text, root, RUNTIMES) : EMPTY;
}

export const daemonJson: Editor = {
  add(before, runtime, clobber) {
    const text = before === null || before.trim() === "" ? EMPTY : before;
    const tree = parsed(text, JSON.parse);
    const path = [RUNTIMES, runtime.name];
    const entry = entryOf(runtime);
    const known = nodeAt(tree, path);
    const runtimes = nodeAt(tree, [RUNTIMES]) ?? {};
    if (!isTree(runtimes)) throw new CommandError(`${RUNTIMES} is no object`);
    if (isThere(known, entry, runtime.name, clobber)) return text;
    const others = known === undefined ? text : removed(text, runtime.name);
    const isEmpty = Object.keys(parsed(others, JSON.parse)).length === 0;
    const result = added(isEmpty ? "{\n}\n" : others, runtime.name, entry);
    return mustMean(result, JSON.parse, withNode(tree, path, entry));
  },

  remove(text, name) {
    const tree = parsed(text, JSON.parse);
    const known = nodeAt(tree, [RUNTIMES]);
    if (nodeAt(known, [name]) === undefined) return text;
    const isLast = Object.keys(known as object).length === 1;
    const wanted = withNode(tree, isLast ? [RUNTIMES] : [RUNTIMES, name], undefined);
    return mustMean(removed(text, name), JSON.parse, wanted);
  },
};
