// `ringfence profile`: has a sandbox record what its kernel does, and writes what comes of it (docs/profiling.md). Of a
// command, which gets a sandbox of its own; or of a container that runs, until it is enough.

import { join } from "node:path";
import { PROFILE_FORMAT, PROFILE_VERSION, type Profile, type ProfiledSandbox } from "../../shared/profile.ts";
import type { ProfileOptions, ThreadRecord } from "../../shared/profile_record.ts";
import { openSourcePositions, sourcePositions } from "../../shared/source_positions.ts";
import { SchemaError } from "../oci/schema.ts";
import { advise } from "../profile/advice.ts";
import { buildProfile } from "../profile/build.ts";
import { fetchProfile, startProfile } from "../profile/collect.ts";
import { profileReport } from "../profile/page.ts";
import { pprof } from "../profile/pprof.ts";
import { speedscope } from "../profile/speedscope.ts";
import { profileText } from "../profile/text.ts";
import { readPageParts, reportHtml } from "../report/html.ts";
import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";
import { withHostTids } from "./host_tids.ts";
import { namedContainer } from "./named_container.ts";
import { OutputFiles } from "./output.ts";
import { runCommand } from "./profiled_command.ts";

export interface ProfileWords {
  id?: string;
  root?: string;
  pid?: string;
  seconds?: string;
  /** Words behind the ID, without --. */
  command?: string[];
  json?: string;
  html?: string;
  speedscope?: string;
  pprof?: string;
  cpu: boolean;
  stacks: string;
  "--"?: string[];
}

const SECONDS_MAX = 86_400;
const STACKS_MAX = 10_000;
const CODE_STOPPED = 0;
/** Beside the bundle, in a checkout as in an installation. */
const POSITIONS = join(import.meta.dirname, "../sandbox/source_positions");

type Subject = Profile["subject"];

interface Taken {
  readonly subject: Subject;
  readonly sandbox: ProfiledSandbox;
  readonly startedAt: Date;
  readonly records: ThreadRecord[];
}

function optionsOf({ cpu, stacks }: ProfileWords): ProfileOptions {
  const stacksPerSecond = Number(stacks);
  if (!/^\d{1,5}$/.test(stacks) || stacksPerSecond > STACKS_MAX)
    throw new CommandError(`profile: --stacks is a number up to ${STACKS_MAX}: ${stacks}`);
  return { cpu, stacksPerSecond };
}

function secondsOf({ seconds }: ProfileWords): number {
  if (seconds === undefined) return Number.POSITIVE_INFINITY;
  const value = /^\d+(\.\d+)?$/.test(seconds) ? Number(seconds) : 0;
  if (!(value > 0 && value <= SECONDS_MAX))
    throw new CommandError(`profile: --seconds is a number above 0, up to ${SECONDS_MAX}: ${seconds}`);
  return value;
}

const STOPS = ["SIGINT", "SIGTERM"] as const;

/** Resolves after that time, with Ctrl-C, or when the container has stopped. */
function enough(client: ControlClient, seconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearInterval(look);
      for (const signal of STOPS) process.off(signal, done);
      resolve();
    };
    const endMs = performance.now() + seconds * 1000;
    const look = setInterval(() => (!client.isOpen || performance.now() >= endMs) && done(), 50);
    // A sandbox that ends waits until its profile has been fetched.
    client.ask("wait").then(done, () => {});
    for (const signal of STOPS) process.once(signal, done);
  });
}

async function ofContainer(words: ProfileWords): Promise<Taken> {
  const state = namedContainer("profile", words);
  const seconds = secondsOf(words);
  const client = await ControlClient.connect(state.socket);
  const gone = () => new CommandError(`container with id ${state.id} is not running`);
  if (client === null) throw gone();
  try {
    const startedAt = new Date();
    const sandbox = await startProfile(client, optionsOf(words));
    process.stderr.write(`ringfence: profile: recording ${state.id}\n`);
    await enough(client, seconds);
    const records = await fetchProfile(client);
    const hostTids = withHostTids(
      records.map(({ report }) => report),
      state.init,
    );
    for (const [i, record] of records.entries()) record.report = hostTids[i]!;
    return { subject: { kind: "container", id: state.id }, sandbox, startedAt, records };
  } catch (error) {
    if (error instanceof CommandError && error.message === "") throw gone();
    throw error;
  } finally {
    client.close();
  }
}

async function ofCommand(command: string[], words: ProfileWords, globals: string[]): Promise<Taken> {
  let taken: Omit<Taken, "subject" | "records"> | null = null;
  let records: ThreadRecord[] = [];
  const exitCode = await runCommand(
    command,
    globals,
    async (client) => {
      const startedAt = new Date();
      taken = { startedAt, sandbox: await startProfile(client, optionsOf(words)) };
    },
    async (client) => {
      records = await fetchProfile(client);
    },
  );
  return { ...taken!, subject: { kind: "command", command, exitCode }, records };
}

/** The tables are left out where standard output is to be JSON. */
function tell(whole: Profile, words: ProfileWords, files: OutputFiles): void {
  const isCommand = whole.subject.kind === "command";
  // What a command writes to standard output is its own.
  if (words.json !== "-" && isCommand) process.stderr.write(profileText(whole));
  if (words.json !== "-" && !isCommand) files.say(() => profileText(whole));
  files.write(words.json, () => `${JSON.stringify(whole)}\n`);
  files.write(words.speedscope, () => `${JSON.stringify(speedscope(whole))}\n`);
  files.write(words.html, () => reportHtml(profileReport(whole), readPageParts(import.meta.dirname)));
  files.write(words.pprof, () => pprof(whole));
  files.check();
}

function profileOf({ subject, sandbox, startedAt, records }: Taken, version: string): Profile {
  const sourceOf = sourcePositions(openSourcePositions(POSITIONS));
  const recorded = buildProfile(records, sourceOf);
  return {
    format: PROFILE_FORMAT,
    version: PROFILE_VERSION,
    ringfence: version,
    startedAt: startedAt.toISOString(),
    subject,
    sandbox,
    ...recorded,
    advice: advise({ ...recorded, sandbox }),
  };
}

/** Resolves to the exit code: that of the command, if there is one. */
export async function profile(words: ProfileWords, globals: string[], version: string): Promise<number> {
  const command = words["--"] ?? [];
  const isCommand = command.length > 0;
  if (words.command?.length)
    throw new CommandError(
      `profile: a command stands behind --: profile -- ${[words.id, ...words.command].join(" ")}`,
    );
  if (isCommand && (words.id !== undefined || words.pid !== undefined || words.seconds !== undefined))
    throw new CommandError("profile: either a command, or a container (with --seconds)");
  const files = new OutputFiles([words.json, words.html, words.speedscope, words.pprof]);
  try {
    const taken = isCommand ? await ofCommand(command, words, globals) : await ofContainer(words);
    tell(profileOf(taken, version), words, files);
    return taken.subject.kind === "command" ? taken.subject.exitCode : CODE_STOPPED;
  } catch (error) {
    if (error instanceof SchemaError) throw new CommandError(`profile: ${error.message}`);
    if (error instanceof CommandError && error.message === "")
      throw new CommandError("profile: the sandbox has ended");
    throw error;
  } finally {
    files.close();
  }
}
