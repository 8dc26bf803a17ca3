// Decoding what a peer has sent: bounded in what it may cost, which protobuf leaves to its readers. Two bytes are enough
// for an entry of a repeated message, of which four megabytes would become some hundred megabytes of objects.

import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** Fields of the outermost message: rootfs has a few entries, annotations have some hundreds. */
const FIELDS_MAX = 16_384;

/** Throws what the decoder throws, or a RangeError. Fields that are not known are left out. */
export function decode<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  const reader = new BinaryReader(bytes);
  for (let count = 0; reader.pos < reader.len; count++) {
    if (count === FIELDS_MAX) throw new RangeError(`more than ${FIELDS_MAX} fields`);
    const [number, type] = reader.tag();
    if (type === WireType.StartGroup || type === WireType.EndGroup) throw new RangeError("a group");
    reader.skip(type, number);
  }
  return fromBinary(schema, bytes, { readUnknownFields: false });
}
