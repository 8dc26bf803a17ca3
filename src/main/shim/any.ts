// Messages in an Any as containerd's typeurl has them: named by their full name, with no host before it.

import {
  create,
  type DescMessage,
  isMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { decode } from "./decode.ts";

export function pack<D extends DescMessage>(schema: D, message: MessageShape<D> | MessageInitShape<D>): Any {
  const whole = isMessage(message, schema) ? message : create(schema, message as MessageInitShape<D>);
  return create(AnySchema, { typeUrl: schema.typeName, value: toBinary(schema, whole) });
}

/** The message's full name, whatever host stands before it. */
export const typeOf = (any: Any): string => any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);

/** Undefined where it is of another type; throws where it cannot be read. */
export function unpack<D extends DescMessage>(schema: D, any: Any): MessageShape<D> | undefined {
  return typeOf(any) === schema.typeName ? decode(schema, any.value) : undefined;
}
