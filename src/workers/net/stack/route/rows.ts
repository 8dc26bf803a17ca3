// Routes, rules and addresses as the namespace's rows tell them (devices/rows.ts), as far as the stack looks at them:
// from these its own lookup structures are made (tables.ts). The stack never changes one.

import type { DeviceAddress, InternetFamily, Route, Rule } from "../../devices/rows.ts";

export type IpFamily = InternetFamily;

export interface RouteRow
  extends Pick<
    Route,
    | "family"
    | "table"
    | "destination"
    | "prefixLength"
    | "tos"
    | "type"
    | "scope"
    | "protocol"
    | "source"
    | "gateway"
    | "metric"
    | "metrics"
  > {
  /** Null: packets go nowhere. */
  readonly device: { readonly index: number } | null;
}

export type RuleRow = Rule;

export type AddressRow = Pick<DeviceAddress, "address" | "prefixLength" | "scope" | "flags">;
