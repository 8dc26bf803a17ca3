// Where this installation's files are: found from the launcher's own place, build/native.
#ifndef RINGFENCE_INSTALLATION_H
#define RINGFENCE_INSTALLATION_H

#include <stddef.h>

// Path of `name` in the build directory.
void installation_path(char *into, size_t size, const char *name);

#endif
