// The shape of a container's config.json as far as the launcher reads it. Whatever reads it later may take what is
// not as it should be for absent.
#ifndef RINGFENCE_SPEC_CHECK_H
#define RINGFENCE_SPEC_CHECK_H

#include "json.h"

// Fails with the place of what is wrong, in the words of src/main/oci/schema.ts.
void spec_check(const struct json *spec);

#endif
