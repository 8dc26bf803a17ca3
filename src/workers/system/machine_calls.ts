// Calls that change the machine, which all sandboxes share. Nobody in one may, whatever capabilities he has there: the
// answer is what Linux gives to who has none (capabilities(7)).

import { EPERM } from "../../shared/abi/errno.ts";
import type { Handler, Handlers } from "../call/dispatch.ts";
import type { Task } from "../process/task.ts";

const refuse: Handler<Task> = () => -EPERM;

export const MACHINE_HANDLERS: Handlers<Task> = {
  reboot: refuse,
  swapon: refuse,
  swapoff: refuse,
  acct: refuse,
};
