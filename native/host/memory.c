// Shared memory of the sandbox: sealed memfds mapped over their places in the guest SAB (F2).
#include "host.h"
#include "long_calls.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <ringfence/layout.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

__thread uint8_t *rf_scratch;
__thread uint32_t rf_scratch_size;

_Static_assert(1 << RF_KERNEL_SHIFT == RF_GUEST_CHUNKS + 1, "a place must fit below the kernel's number");

// The guest memories of the kernels that there are. A number is never given to a second one: what is still under way of a
// kernel that has ended finds none.
static struct {
  uint8_t *base;
  uint32_t kernel;
} memories[RF_KERNELS_MAX];

/* Names the guest memory of a kernel: one WebAssembly.Memory, to be referenced until it is forgotten. Once for each kernel
   and thread: they all name the same. -EBUSY: there are too many. */
RF_EXPORT int32_t rf_set_guest_memory(uint32_t kernel, uint8_t *base) {
  uint32_t at = kernel % RF_KERNELS_MAX;
  if (memories[at].base != NULL && memories[at].kernel != kernel) return -EBUSY;
  memories[at].kernel = kernel;
  __atomic_store_n(&memories[at].base, base, __ATOMIC_RELEASE);
  return 0;
}

/* No thread of that kernel's uses it any more. */
RF_EXPORT void rf_forget_guest_memory(uint32_t kernel) {
  uint32_t at = kernel % RF_KERNELS_MAX;
  if (memories[at].kernel == kernel) __atomic_store_n(&memories[at].base, NULL, __ATOMIC_RELEASE);
}

static uint8_t *place_at(uint32_t chunk) {
  uint32_t kernel = chunk >> RF_KERNEL_SHIFT, at = kernel % RF_KERNELS_MAX;
  uint8_t *base = __atomic_load_n(&memories[at].base, __ATOMIC_ACQUIRE);
  if (base == NULL || memories[at].kernel != kernel) return NULL;
  return base + (uint64_t)(chunk & RF_GUEST_CHUNKS) * RF_CHUNK_SIZE;
}

uint8_t *rf_in_chunk(uint32_t chunk, uint32_t offset, uint32_t length) {
  if ((chunk & RF_GUEST_CHUNKS) == RF_KERNEL_PAGE_CHUNK) return NULL;
  if (offset > RF_CHUNK_SIZE || length > RF_CHUNK_SIZE - offset) return NULL;
  uint8_t *place = place_at(chunk);
  return place == NULL ? NULL : place + offset;
}

/* Names the calling kernel thread's scratch area, behind which stands the word that tells of long calls. */
RF_EXPORT void rf_set_scratch(uint8_t *base, uint32_t size) {
  rf_scratch = base;
  rf_scratch_size = size;
  rf_measure_calls((uint32_t *)(base + size));
}

static int sealed_memfd(const char *name, uint64_t size) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  if (ftruncate(fd, size) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

static int map_over(int fd, uint32_t chunk, uint64_t size) {
  uint8_t *place = place_at(chunk);
  if (place == NULL) return -EFAULT;
  void *at = mmap(place, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  return at == MAP_FAILED ? -errno : 0;
}

/* Maps a new chunk's memfd over its place. Returns the memfd (for ADDFD), or a negative errno. */
RF_EXPORT int32_t rf_map_chunk(uint32_t chunk) {
  int fd = sealed_memfd("ringfence-chunk", RF_CHUNK_SIZE);
  if (fd < 0) return fd;
  int error = map_over(fd, chunk, RF_CHUNK_SIZE);
  if (!error && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL)) error = -errno;
  if (!error) return fd;
  close(fd);
  return error;
}

/* Puts plain anonymous memory over a freed place: the SAB's memory is never unmapped. */
RF_EXPORT int32_t rf_unmap_chunk(uint32_t chunk) {
  uint8_t *place = place_at(chunk);
  if (place == NULL) return -EFAULT;
  void *at = mmap(place, RF_CHUNK_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? -errno : 0;
}

/* Maps the kernel page over its place, seals it against every later writable mapping, and returns a read-only
   reopen of it (through `proc`, a descriptor of the sandbox's proc mount), or a negative errno. */
RF_EXPORT int32_t rf_map_kernel_page(uint32_t chunk, int32_t proc) {
  int fd = sealed_memfd("ringfence-kernel-page", RF_KP_SIZE);
  if (fd < 0) return fd;
  int error = map_over(fd, chunk, RF_KP_SIZE);
  if (!error && fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)) error = -errno;
  int reopened = -1;
  if (!error) {
    char path[32];
    snprintf(path, sizeof path, "self/fd/%d", fd);
    reopened = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (reopened < 0) error = -errno;
  }
  close(fd);
  return error ? error : reopened;
}

/* A memfd for memory that guests share: its size is fixed, nothing else is in it (F1). */
RF_EXPORT int32_t rf_memfd_create(double size) {
  return sealed_memfd("ringfence-shared", (uint64_t)size);
}

/* Wakes the stub that sleeps on the word at (chunk, offset). */
RF_EXPORT int32_t rf_futex_wake(uint32_t chunk, uint32_t offset) {
  uint8_t *word = rf_in_chunk(chunk, offset, sizeof(uint32_t));
  return word == NULL ? -EFAULT : result_of(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0));
}

/* Wakes two stubs that sleep on such words, by one call where it can. FUTEX_WAKE_OP adds 0 to the second word, and wakes who
   sleeps there unless it was -1, which no reply is. */
RF_EXPORT int32_t rf_futex_wake_two(uint32_t chunk, uint32_t offset, uint32_t second_chunk,
                                    uint32_t second_offset) {
  uint8_t *first = rf_in_chunk(chunk, offset, sizeof(uint32_t));
  uint8_t *second = rf_in_chunk(second_chunk, second_offset, sizeof(uint32_t));
  uint32_t unless = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_NE, -1);
  if (first != NULL && second != NULL && syscall(SYS_futex, first, FUTEX_WAKE_OP, 1, 1, second, unless) >= 0)
    return 0;
  rf_futex_wake(chunk, offset);
  return rf_futex_wake(second_chunk, second_offset);
}

/* A memfd for one file of a memory file system, which may grow, shrink, be executed and be sealed (F1:
   nothing else is in it). */
RF_EXPORT int32_t rf_memfd_file(void) {
  int fd = memfd_create("ringfence-file", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("ringfence-file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return fd < 0 ? -errno : fd;
}

/* -EBUSY: F_SEAL_WRITE, and somebody has a shared mapping that can be written to. */
RF_EXPORT int32_t rf_add_seals(int32_t fd, uint32_t seals) {
  return fcntl(fd, F_ADD_SEALS, seals) ? -errno : 0;
}

RF_EXPORT int32_t rf_ftruncate(int32_t fd, double size) {
  return ftruncate(fd, (off_t)size) ? -errno : 0;
}

/* fallocate(2) with its mode. */
RF_EXPORT int32_t rf_fallocate(int32_t fd, int32_t mode, double offset, double length) {
  return fallocate(fd, mode, (off_t)offset, (off_t)length) ? -errno : 0;
}

/* Copies up to `length` bytes from one file's position to another's end, inside the host; bytes copied. */
RF_EXPORT double rf_copy_bytes(int32_t from, double position, int32_t to, double length) {
  off_t at = (off_t)position;
  ssize_t n = sendfile(to, from, &at, (size_t)length);
  return n < 0 ? -errno : (double)n;
}

/* pwrite from the scratch area. */
RF_EXPORT int32_t rf_pwrite_scratch(int32_t fd, uint32_t length, double position) {
  if (length > rf_scratch_size) return -EFAULT;
  ssize_t n = pwrite(fd, rf_scratch, length, (off_t)position);
  return n < 0 ? -errno : (int32_t)n;
}
