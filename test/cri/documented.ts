// What docs/kubernetes.md tells its readers to write, by the languages of its blocks; and what Kubernetes knows of the
// fields in it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "../spawn.ts";

const FILE = join(checkout, "docs/kubernetes.md");

/** The blocks of a language, in their order. */
export function blocks(language: string): string[] {
  const found = readFileSync(FILE, "utf8").matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm);
  return [...found].filter((each) => each[1] === language).map((each) => each[2]!);
}

/** Fields that there may be: of an object, of each element of a list, of any name, or a value of that form. */
export type Fields = { readonly [name: string]: Fields } | readonly [Fields] | RegExp;

const TEXT = /^/;
/** RFC 1123. */
const NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const QUANTITY = /^\d+(\.\d+)?(m|k|[KMG]i)?$/;
const BOOLEAN = /^(true|false)$/;
/** Any name, as of labels and annotations. */
const ANY = "*";

const LABELS = { [ANY]: TEXT };
const RESOURCES = { [ANY]: QUANTITY };
const METADATA = { name: NAME, namespace: NAME, labels: LABELS, annotations: LABELS };

const CONTAINER = {
  name: NAME,
  image: TEXT,
  command: [TEXT],
  args: [TEXT],
  env: [{ name: TEXT, value: TEXT }],
  resources: { limits: RESOURCES, requests: RESOURCES },
  securityContext: { privileged: BOOLEAN },
  volumeMounts: [{ name: NAME, mountPath: /^\//, readOnly: BOOLEAN }],
} as const;

const POD = {
  runtimeClassName: NAME,
  restartPolicy: /^(Always|OnFailure|Never)$/,
  nodeSelector: LABELS,
  hostPID: BOOLEAN,
  automountServiceAccountToken: BOOLEAN,
  priorityClassName: NAME,
  initContainers: [CONTAINER],
  containers: [CONTAINER],
  volumes: [{ name: NAME, hostPath: { path: /^\//, type: TEXT } }],
} as const;

/** By kind; `apiVersion` is where Kubernetes has it. */
export const KINDS: Readonly<Record<string, Fields>> = {
  RuntimeClass: {
    apiVersion: /^node\.k8s\.io\/v1$/,
    kind: TEXT,
    metadata: METADATA,
    handler: NAME,
    overhead: { podFixed: RESOURCES },
    scheduling: { nodeSelector: LABELS },
  },
  Pod: { apiVersion: /^v1$/, kind: TEXT, metadata: METADATA, spec: POD },
  DaemonSet: {
    apiVersion: /^apps\/v1$/,
    kind: TEXT,
    metadata: METADATA,
    spec: {
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS, annotations: LABELS }, spec: POD },
    },
  },
};

/** What of a value those fields do not allow, each with where it stands. */
export function unknown(value: unknown, fields: Fields, at = ""): string[] {
  if (fields instanceof RegExp)
    return typeof value === "object" || !fields.test(String(value))
      ? [`${at}: ${JSON.stringify(value)}`]
      : [];
  if (Array.isArray(fields)) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((each, index) => unknown(each, fields[0]!, `${at}[${index}]`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${at} is no object`];
  const table = fields as { readonly [name: string]: Fields };
  return Object.entries(value).flatMap(([name, each]) => {
    const known = table[name] ?? table[ANY];
    return known === undefined ? [`${at}.${name}`] : unknown(each, known, `${at}.${name}`);
  });
}
