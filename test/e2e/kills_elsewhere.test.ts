// What is killed, on the other platform and with a kernel thread for the network.
//
// deadline: 300 s
// alone: it looks at all control groups and sandboxes of the host

import { test } from "uvu";
import { again } from "./again.ts";

again("--platform=ptrace", ["kills"]);
again("--workers=2", ["kills"]);

test.run();
