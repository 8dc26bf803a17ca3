// What is killed, on the other platform and with kernel threads for the network and for bytes of files.
//
// deadline: 300 s
// alone: it looks at all control groups and sandboxes of the host

import { test } from "uvu";
import { again } from "./again.ts";

again("--platform=ptrace", ["kills"]);
again("--workers=net,data=2", ["kills"]);

test.run();
