// Hostile guests of a kernel that is one thread, with what is attacked once.
// deadline: 1800 s

import { CONFIGURATIONS } from "../guest/sandbox.ts";
import { attackUnder } from "./attacks.ts";

attackUnder(CONFIGURATIONS[0], { once: true });
