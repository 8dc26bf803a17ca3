// Entry points of the sandbox process that TypeScript calls through koffi (src/workers/native.ts
// declares them). Conventions: a result is a value >= 0 or a negative errno; 64-bit numbers that
// can exceed 2^53 cross as two u32; memory is named by (chunk, offset) in the guest SAB or by an
// offset in the caller's scratch area, never by an address that JavaScript computed.
#ifndef RINGFENCE_HOST_H
#define RINGFENCE_HOST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define RF_EXPORT __attribute__((visibility("default")))

// Kernels that one process may have at a time.
#define RF_KERNELS_MAX 64

// Where a length of a chunk is; NULL: there is no such chunk, or not so much of it. What TypeScript calls a chunk is here the
// place in a guest memory, and from bit RF_KERNEL_SHIFT on the number of the kernel whose memory it is (guest_native.ts).
#define RF_KERNEL_SHIFT 12
uint8_t *rf_in_chunk(uint32_t chunk, uint32_t offset, uint32_t length);
// The calling kernel thread's scratch area, where structures cross to JavaScript.
extern __thread uint8_t *rf_scratch;
extern __thread uint32_t rf_scratch_size;

// napi.c
int rf_event_loop_ms(void);

// alike.c
void rf_forget_lock_order(void);

// Copies between memory of the kernel and of a stub (stub_copies.c): the bytes up to the first that cannot be reached, or
// a negative errno. -EFAULT, too, for a while after that stub, or another, has made the kernel thread wait. For ranges of
// anonymous memory alone: a page of a file may make the copier wait.
int64_t rf_copy_to_stub(int32_t pid, double address, void *from, size_t length);
int64_t rf_copy_from_stub(int32_t pid, double address, void *to, size_t length);
// The same with pieces of the kernel's memory, one behind the other.
struct iovec;
int64_t rf_empty_to_stub(int32_t pid, double address, size_t length, const struct iovec *pieces,
                         size_t count);
int64_t rf_fill_from_stub(int32_t pid, double address, size_t length, const struct iovec *pieces,
                          size_t count);
// The same, of what nobody else can copy: another stub's wait does not count.
int64_t rf_read_stub(int32_t pid, double address, void *to, size_t length);
// The next part of a transfer that has begun: to end it here would be a short read, or a short write.
int64_t rf_go_on_to_stub(int32_t pid, double address, void *from, size_t length);
int64_t rf_go_on_from_stub(int32_t pid, double address, void *to, size_t length);

static inline int64_t result_of(int64_t r) {
  return r < 0 ? -errno : r;
}

#endif
