// `containerd-shim-ringfence-v1 -info`: what this runtime is and can do, as containerd asks each shim (RuntimeInfo).

import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import packageJson from "../../../package.json" with { type: "json" };
import { features } from "../cli/features.ts";
import { RuntimeInfoSchema } from "./gen/introspection_pb.ts";

/** containerd's typeurl of the runtime specification's features, as JSON. */
const FEATURES_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

export function writeInfo(): void {
  const { version } = packageJson;
  const value = Buffer.from(JSON.stringify(features(version)));
  const info = create(RuntimeInfoSchema, {
    name: "io.containerd.ringfence.v1",
    version: { version },
    features: create(AnySchema, { typeUrl: FEATURES_TYPE, value }),
  });
  process.stdout.write(toBinary(RuntimeInfoSchema, info));
}
