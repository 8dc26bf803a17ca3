// The memory of a stub, read and written by the kernel without the stub's help: a slot's data window, scratch
// area and arrays of the kernel on the other side, or a file, for bulk data without the window. For ranges of
// anonymous memory alone, as the callers see to it, since a page of a file could make the kernel thread wait
// (F12). What is on its way between a file and a stub stands in the scratch area, which stays in the
// processor's cache.
#include "host.h"

#include <ringfence/layout.h>
#include <sys/uio.h>
#include <unistd.h>

/* Reads into the scratch area; the bytes up to the first that cannot be read. */
RF_EXPORT int32_t rf_process_read(int32_t pid, double address, uint32_t length) {
  if (length > rf_scratch_size) return -EFAULT;
  return (int32_t)rf_read_stub(pid, address, rf_scratch, length);
}

/* Copies to, and from, a slot's data window; the bytes up to the first that cannot be reached. */
RF_EXPORT int32_t rf_process_copy_in(int32_t pid, double address, uint32_t chunk, uint32_t offset,
                                     uint32_t length) {
  uint8_t *window = rf_in_chunk(chunk, offset, length);
  return window ? (int32_t)rf_copy_from_stub(pid, address, window, length) : -EFAULT;
}

RF_EXPORT int32_t rf_process_copy_out(int32_t pid, double address, uint32_t chunk, uint32_t offset,
                                      uint32_t length) {
  uint8_t *window = rf_in_chunk(chunk, offset, length);
  return window ? (int32_t)rf_copy_to_stub(pid, address, window, length) : -EFAULT;
}

static size_t part_of(uint32_t left) {
  return left < rf_scratch_size ? left : rf_scratch_size;
}

/* Reads a file at a position to a stub's memory; the bytes that have arrived: up to the file's end, to memory
   that cannot be written, or, without `waits`, to what is not in the page cache. -EFAULT: nothing has
   arrived. */
RF_EXPORT int32_t rf_pread_to(int32_t fd, int32_t pid, double address, uint32_t length, double position,
                              int32_t waits) {
  uint32_t done = 0;
  while (done < length) {
    struct iovec iov = {rf_scratch, part_of(length - done)};
    ssize_t n = preadv2(fd, &iov, 1, (off_t)position + done, waits ? 0 : RWF_NOWAIT);
    if (n <= 0) return done > 0 ? (int32_t)done : (int32_t)result_of(n);
    int64_t arrived =
        (done > 0 ? rf_go_on_to_stub : rf_copy_to_stub)(pid, address + done, rf_scratch, (size_t)n);
    if (arrived > 0) done += (uint32_t)arrived;
    if (arrived < n) return done > 0 ? (int32_t)done : -EFAULT;
    if ((size_t)n < iov.iov_len) break;
  }
  return (int32_t)done;
}

/* Writes a stub's memory to a file, at a position or, where that is -1, at its end; the bytes written: up to
   memory that cannot be read, or as many as the host takes. -EFAULT: there are none. */
RF_EXPORT int32_t rf_pwrite_from(int32_t fd, int32_t pid, double address, uint32_t length, double position) {
  uint32_t done = 0;
  while (done < length) {
    size_t part = part_of(length - done);
    int64_t fetched =
        (done > 0 ? rf_go_on_from_stub : rf_copy_from_stub)(pid, address + done, rf_scratch, part);
    if (fetched <= 0) return done > 0 ? (int32_t)done : -EFAULT;
    struct iovec iov = {rf_scratch, (size_t)fetched};
    ssize_t n = position < 0 ? pwritev2(fd, &iov, 1, 0, RWF_APPEND)
                             : pwrite(fd, rf_scratch, (size_t)fetched, (off_t)position + done);
    if (n < 0) return done > 0 ? (int32_t)done : -errno;
    done += (uint32_t)n;
    if (n < fetched || (size_t)fetched < part) break;
  }
  return (int32_t)done;
}

/* Copies between an array of the kernel's and a stub's memory; the bytes up to the first that cannot be
   reached, or -EFAULT. The caller sees to it that they lie in the array. */
RF_EXPORT int32_t rf_copy_to(int32_t pid, double address, uint8_t *bytes, uint32_t offset, uint32_t length) {
  int64_t n = rf_copy_to_stub(pid, address, bytes + offset, length);
  return n < 0 ? -EFAULT : (int32_t)n;
}

RF_EXPORT int32_t rf_copy_from(int32_t pid, double address, uint8_t *bytes, uint32_t offset,
                               uint32_t length) {
  int64_t n = rf_copy_from_stub(pid, address, bytes + offset, length);
  return n < 0 ? -EFAULT : (int32_t)n;
}

/* An array's address, for a list of pieces. It has it for as long as it lives, if its memory is not the heap's. */
RF_EXPORT double rf_address_of(uint8_t *bytes) {
  return (double)(uintptr_t)bytes;
}

/* Copies between a stub's memory and pieces of the kernel's, which stand in the scratch area (struct iovec): the bytes
   up to the first that cannot be reached, or -EFAULT. */
RF_EXPORT int32_t rf_fill_pieces(int32_t pid, double address, uint32_t length, int32_t count) {
  return (int32_t)rf_fill_from_stub(pid, address, length, (struct iovec *)rf_scratch, (size_t)count);
}

RF_EXPORT int32_t rf_empty_pieces(int32_t pid, double address, uint32_t length, int32_t count) {
  return (int32_t)rf_empty_to_stub(pid, address, length, (struct iovec *)rf_scratch, (size_t)count);
}
