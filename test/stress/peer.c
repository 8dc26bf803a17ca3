// The stub's side of the stress test, in a process of its own: threads that post requests with the
// stub's own code (native/stub/stub_request.c) on shared memory mapped where a stub has it.
//
//   peer THREADS MILLISECONDS FORGE      descriptors: 3 chunk, 4 kernel page, 5 and up doorbells
//
// Each request carries a number, each reply must carry what that number gives. With FORGE a further thread writes the
// records of the last slot, which is closed, at random. Prints the number of requests of each thread; a wrong or
// missing answer ends it with a message.
#include "../../native/stub/stub.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_THREADS 2

static volatile int stopping;
static u32 counts[RF_CHUNK_SLOTS];

// ---- What post() has from the rest of the stub; the rest stays unresolved and uncalled ----

s64 stub_syscall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
  return syscall(nr, a0, a1, a2, a3, a4, a5);
}

// ---- Threads ----

static void *caller(void *argument) {
  u32 index = (u32)(uintptr_t)argument;
  slot_t slot = RF_CHUNKS + index * RF_SLOT_SIZE;
  u32 random = index * 7919 + 1, n = 0;
  while (!stopping) {
    random = random * 1664525 + 1013904223;
    put64(slot + RF_RDI, ++n);
    u32 code = post(slot, REQ_SYSCALL, random >> 16 & (KERNEL_THREADS - 1));
    s64 result = get64(slot + RF_REP_RESULT);
    if (code != REP_RET || result != (s64)n * 8 + index) {
      printf("slot %u request %u: reply %u, result %ld\n", index, n, code, (long)result);
      exit(1);
    }
    // Now and then a pause, so that the kernel threads fall asleep.
    if ((random >> 8 & 1023) == 0) usleep(random >> 20 & 255);
  }
  counts[index] = n;
  return NULL;
}

static void *forger(void *argument) {
  (void)argument;
  u32 random = 1;
  while (!stopping) {
    random = random * 1664525 + 1013904223;
    u64 line = RF_CHUNKS + RF_REQUESTS + (random >> 30 & (KERNEL_THREADS - 1)) * RF_REQUESTS_STRIDE;
    __atomic_store_n((u32 *)(line + (RF_CHUNK_SLOTS - 1) * RF_REQUEST_SIZE), random, __ATOMIC_SEQ_CST);
    if ((random >> 8 & 63) == 0) usleep(1);
  }
  return NULL;
}

static void map_fixed(u64 at, u64 length, int prot, int fd) {
  if (mmap((void *)at, length, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) == (void *)at) return;
  perror("peer: mmap");
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  u32 threads = atoi(argv[1]);
  map_fixed(RF_CHUNKS, RF_CHUNK_SIZE, PROT_READ | PROT_WRITE, 3);
  map_fixed(RF_KERNEL_PAGE, RF_KP_SIZE, PROT_READ, 4);
  for (int k = 0; k < KERNEL_THREADS; k++)
    if (dup2(5 + k, RF_DOORBELL_FD + k) < 0) return 2;
  pthread_t callers[RF_CHUNK_SLOTS], other;
  for (u32 i = 0; i < threads; i++)
    pthread_create(&callers[i], NULL, caller, (void *)(uintptr_t)i);
  if (atoi(argv[3])) pthread_create(&other, NULL, forger, NULL);
  usleep(atoi(argv[2]) * 1000);
  stopping = 1;
  for (u32 i = 0; i < threads; i++) {
    pthread_join(callers[i], NULL);
    printf("%u\n", counts[i]);
  }
  return 0;
}
