// F26: a program whose call sites are patched holds the lock of its address space, by changes of huge page tables, while
// its text is to be made whole: each access of the kernel would wait for it.
//@ ends: any
//@ deadline: 20
//@ cflags: -pthread
#include "../guest/sites.h"
#include "hostile.h"
#include <pthread.h>

#define EIGHT(name)                                                                                          \
  SITE(name##0, 110);                                                                                        \
  SITE(name##1, 110);                                                                                        \
  SITE(name##2, 110);                                                                                        \
  SITE(name##3, 110);                                                                                        \
  SITE(name##4, 110);                                                                                        \
  SITE(name##5, 110);                                                                                        \
  SITE(name##6, 110);                                                                                        \
  SITE(name##7, 110)
EIGHT(a);
EIGHT(b);
EIGHT(c);
EIGHT(d);
EIGHT(e);
EIGHT(f);

#define LIST(name) name##0, name##1, name##2, name##3, name##4, name##5, name##6, name##7
static long (*const sites[])(void) = {LIST(a), LIST(b), LIST(c), LIST(d), LIST(e), LIST(f)};
#define SITES (sizeof sites / sizeof *sites)

#define AREA ((char *)0x100000000000)
#define SIZE (16ul << 30)

static void *hold(void *unused) {
  for (int i = 0;; i++)
    if (failed(HOST_3(SYS_mprotect, AREA, SIZE, i & 1 ? PROT_READ | PROT_WRITE : PROT_READ))) return unused;
}

int main(void) {
  pthread_t thread;
  for (size_t i = 0; i < SITES; i++)
    for (int round = 0; round < 4 * WARM; round++)
      sites[i]();
  find_gadget();
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  if (failed(HOST_6(SYS_mmap, AREA, SIZE, PROT_READ | PROT_WRITE, flags, -1, 0))) return 1;
  HOST_3(SYS_madvise, AREA, SIZE, MADV_NOHUGEPAGE);
  // Page tables alone: every page is the host's page of zeros.
  if (failed(HOST_3(SYS_madvise, AREA, SIZE, 22 /* POPULATE_READ */))) return 1;
  for (int i = 0; i < 3; i++)
    pthread_create(&thread, NULL, hold, NULL);
  usleep(50000);
  char *begin = (char *)((uintptr_t)sites[0] & ~(PAGE - 1ul));
  size_t length = ((uintptr_t)sites[SITES - 1] & ~(PAGE - 1ul)) + PAGE - (uintptr_t)begin;
  long result = SYS_3(SYS_mprotect, begin, length, PROT_READ | PROT_WRITE | PROT_EXEC);
  if (failed(result)) bad("mprotect", result);
  say("whole again");
  _exit(0);
}
