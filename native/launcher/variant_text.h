// Values in GVariant's text form ("GVariant Text Format"), as annotations give properties of systemd units.
#ifndef RINGFENCE_VARIANT_TEXT_H
#define RINGFENCE_VARIANT_TEXT_H

#include <stdbool.h>

#include "buffer.h"

#define VARIANT_TEXT_MAX 4096

// Appends the value as a variant of D-Bus: numbers, truth values, texts and lists of these, each with a type in front of it
// or not (`uint64 5`, `@as ['a']`). With `seconds` it must be a number, and is told in microseconds. False: it is no such
// value.
bool variant_put(struct buffer *buffer, const char *text, bool seconds);

#endif
