// One request to a sandbox of the state directory, with or without a container.

import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";
import { findSandbox } from "./state_directory.ts";

/** Its answer, which is not to be believed. Throws a CommandError: there is none, it has gone, or it refuses. */
export async function askSandbox(
  command: string,
  root: string | undefined,
  id: string,
  method: string,
  params?: object,
): Promise<unknown> {
  const state = findSandbox(root, id);
  const client = await ControlClient.connect(state.socket);
  if (client === null) throw new CommandError(`sandbox ${id} is not running`);
  try {
    return await client.askSoon(method, params);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(
      error.message === "" ? `sandbox ${id} is not running` : `${command}: ${error.message}`,
    );
  } finally {
    client.close();
  }
}
