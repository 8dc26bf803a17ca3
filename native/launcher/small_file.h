// Files in which a kernel has one value (proc, control groups): they are written at once, and read by their first line.
#ifndef RINGFENCE_SMALL_FILE_H
#define RINGFENCE_SMALL_FILE_H

#include <stdbool.h>
#include <stddef.h>

// Writes the text, in one write, to a file that is there. False with errno.
bool small_file_write(const char *path, const char *text);

// Gives the first line, without its end, as far as there is room. False with errno, and "".
bool small_file_read(const char *path, char *into, size_t capacity);

#endif
