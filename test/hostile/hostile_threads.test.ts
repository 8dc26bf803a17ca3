// Hostile guests of two kernel threads, which patch all call sites.
// deadline: 1800 s

import { CONFIGURATIONS } from "../guest/sandbox.ts";
import { attackUnder } from "./attacks.ts";

attackUnder(CONFIGURATIONS[1]);
