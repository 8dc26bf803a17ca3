// Images for containerd, made here: OCI's image layout with one layer, as `ctr images import` reads it.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeRootfs } from "../e2e/rootfs.ts";
import { checkout } from "../spawn.ts";

const MEDIA = "application/vnd.oci.image";
const FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-static"];

export const BUSYBOX = "localhost/bb:1";
export const PAUSE = "localhost/pause:1";

function addBlob(layout: string, mediaType: string, bytes: Buffer | string) {
  const sum = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(layout, "blobs/sha256", sum), bytes);
  return { mediaType, digest: `sha256:${sum}`, size: bytes.length };
}

/** A tar file of an image of what is below `root`; its path. */
function makeImage(directory: string, name: string, root: string, config: object): string {
  const layout = `${root}.layout`;
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  execFileSync("tar", ["-C", root, "--owner=0", "--group=0", "-cf", `${root}.tar`, "."]);
  const layer = addBlob(layout, `${MEDIA}.layer.v1.tar`, readFileSync(`${root}.tar`));
  const platform = { architecture: "amd64", os: "linux" };
  const rootfs = { type: "layers", diff_ids: [layer.digest] };
  const settings = addBlob(
    layout,
    `${MEDIA}.config.v1+json`,
    JSON.stringify({ ...platform, config, rootfs }),
  );
  const manifestType = `${MEDIA}.manifest.v1+json`;
  const manifest = { schemaVersion: 2, mediaType: manifestType, config: settings, layers: [layer] };
  const named = {
    ...addBlob(layout, manifestType, JSON.stringify(manifest)),
    annotations: { "io.containerd.image.name": name },
    platform,
  };
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const file = join(directory, `${name.replaceAll(/\W/g, "-")}.tar`);
  execFileSync("tar", ["-C", layout, "-cf", file, "."]);
  return file;
}

/** A static program of this directory. */
function build(name: string, path: string): void {
  execFileSync("gcc", [...FLAGS, "-o", path, `${checkout}test/cri/${name}.c`]);
}

/** Busybox under all of its names, and `peer`. */
export function busyboxImage(directory: string): string {
  const root = join(directory, "busybox");
  makeRootfs(root);
  build("peer", join(root, "bin/peer"));
  return makeImage(directory, BUSYBOX, root, { Env: ["PATH=/bin"], Cmd: ["sh"] });
}

/** One static program, which holds a pod. */
export function pauseImage(directory: string): string {
  const root = join(directory, "pause");
  mkdirSync(root);
  build("pause", join(root, "pause"));
  return makeImage(directory, PAUSE, root, { Entrypoint: ["/pause"], User: "65535:65535" });
}
