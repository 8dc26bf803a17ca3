// What is told of a scrape itself, and of the process that makes it.

import type { Metric } from "./metric.ts";

export interface ServerFigures {
  readonly version: string;
  readonly sandboxes: number;
  /** Those that have not answered. */
  readonly silent: number;
  readonly containers: number;
  /** State directories that cannot be read, or not be believed. */
  readonly unreadable: number;
  readonly scrapeSeconds: number;
  /** Of this process: the host's clock and counts. */
  readonly startSeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

export const SERVER_METRICS: readonly Metric<ServerFigures>[] = [
  {
    name: "build_info",
    kind: "gauge",
    unit: "",
    help: "Always 1: the version of this program, which is not always that of a sandbox.",
    from: "package.json",
    labels: ["version"],
    value: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: "sandboxes",
    kind: "gauge",
    unit: "",
    help: "Sandboxes that are known.",
    from: "the state directories",
    value: ({ sandboxes }) => sandboxes,
  },
  {
    name: "sandboxes_silent",
    kind: "gauge",
    unit: "",
    help: "Of these, those that have not answered in time.",
    from: "the scrape",
    value: ({ silent }) => silent,
  },
  {
    name: "containers",
    kind: "gauge",
    unit: "",
    help: "Containers that are known.",
    from: "the state directories",
    value: ({ containers }) => containers,
  },
  {
    name: "states_unreadable",
    kind: "gauge",
    unit: "",
    help: "Directories of containers that cannot be read or may be written by others; they are left out.",
    from: "the state directories",
    value: ({ unreadable }) => unreadable,
  },
  {
    name: "scrape_duration_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "How long it took to ask all sandboxes.",
    from: "the scrape",
    value: ({ scrapeSeconds }) => scrapeSeconds,
  },
  {
    name: "process_start_time_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "When this process has started, since 1970.",
    from: "the process",
    isBare: true,
    value: ({ startSeconds }) => startSeconds,
  },
  {
    name: "process_cpu_seconds_total",
    kind: "counter",
    unit: "seconds",
    help: "CPU time that this process has used.",
    from: "the process",
    isBare: true,
    value: ({ cpuSeconds }) => cpuSeconds,
  },
  {
    name: "process_resident_memory_bytes",
    kind: "gauge",
    unit: "bytes",
    help: "Memory that this process has.",
    from: "the process",
    isBare: true,
    value: ({ residentBytes }) => residentBytes,
  },
];
