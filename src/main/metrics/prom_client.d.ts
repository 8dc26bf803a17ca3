// Of prom-client its registry alone is bundled: its own metrics, and what they depend on, are four times as large.

declare module "prom-client/lib/registry.js" {
  export { Registry as default } from "prom-client";
}
