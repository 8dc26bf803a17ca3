// Whether an application has said the same in a sandbox as natively.

import type { Application } from "./application.ts";
import type { Said } from "./place.ts";

export interface Verdict {
  readonly isSame: boolean;
  /** For the table: "same", "same, 120 tests", "2 of 120 tests differ". */
  readonly text: string;
  /** What differs, a line each. */
  readonly differences: readonly string[];
}

const GOOD = /^(ok|pass)$/;
const SHOWN_CHARACTERS = 200;

function outcomes(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.flatMap((line) => {
      const at = line.lastIndexOf(" ");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

/** Tests that do not end as natively. What fails there and passes here is no matter of ours. */
function compareSuites({ differs }: Application, native: Said, here: Said): Verdict {
  const wanted = outcomes(native.lines);
  const got = outcomes(here.lines);
  let known = 0;
  const differences = [...wanted].flatMap(([name, outcome]) => {
    const now = got.get(name) ?? "missing";
    if (now === outcome || !GOOD.test(outcome)) return [];
    if (differs.some(({ lines }) => lines.test(name))) {
      known++;
      return [];
    }
    return [`${name}: ${outcome} natively, here ${now}`];
  });
  const passed = [...wanted.values()].filter((outcome) => GOOD.test(outcome)).length;
  const isSame = differences.length === 0;
  const apart = known === 0 ? "" : ` but ${known}`;
  const text = isSame ? `same, ${passed} tests${apart}` : `${differences.length} of ${passed} tests differ`;
  return { isSame, text, differences };
}

function compareLines({ differs }: Application, native: Said, here: Said): Verdict {
  const kept = ({ lines }: Said) => lines.filter((line) => !differs.some((one) => one.lines.test(line)));
  const wanted = kept(native);
  const got = kept(here);
  const length = Math.max(wanted.length, got.length);
  const differences = Array.from({ length }, (_, at) => [wanted[at] ?? "(end)", got[at] ?? "(end)"] as const)
    .filter(([one, other]) => one !== other)
    .map(([one, other]) => `${one.slice(0, SHOWN_CHARACTERS)} | here: ${other.slice(0, SHOWN_CHARACTERS)}`);
  const isSame = differences.length === 0;
  const differ = differences.length === 1 ? "line differs" : "lines differ";
  return { isSame, text: isSame ? "same" : `${differences.length} ${differ}`, differences };
}

/** Whether it has worked natively, so that there is something to compare with. */
export function isUsable({ isSuite }: Application, { code, lines }: Said): boolean {
  return code === 0 && (!isSuite || outcomes(lines).size > 0);
}

/** What was said natively is usable. Of what is known to fail, that it does not is a difference. */
export function compare(application: Application, native: Said, here: Said, isHere: boolean): Verdict {
  const verdict = compared(application, native, here);
  const { fails } = application;
  if (!isHere || fails === "") return verdict;
  if (verdict.isSame) return { isSame: false, text: "works", differences: [`it is said to fail: ${fails}`] };
  return { isSame: true, text: `does not work: ${fails}`, differences: [] };
}

function compared(application: Application, native: Said, here: Said): Verdict {
  const fails = (text: string): Verdict => ({ isSame: false, text, differences: here.lines.slice(-5) });
  if (here.code === undefined) return fails(here.why);
  if (application.isSuite) return compareSuites(application, native, here);
  const verdict = compareLines(application, native, here);
  return here.code === native.code ? verdict : fails(`ends with ${here.code}`);
}
