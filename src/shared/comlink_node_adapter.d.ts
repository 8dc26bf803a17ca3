// comlink ships this module without a declaration of its own name. Through it, messages reach listeners of
// Node's kind: for one of the browser's, Node would load its web API (undici) first, which takes 25 ms.
declare module "comlink/dist/esm/node-adapter.mjs" {
  import type { MessagePort } from "node:worker_threads";
  import type { Endpoint } from "comlink";
  export default function nodeEndpoint(port: MessagePort): Endpoint;
}
