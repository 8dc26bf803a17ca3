// Libraries come and go whose call sites were executed often: one after the other, often at the same address,
// and while another thread calls what stays.
//@ needs: threads files
//@ link: dynamic
//@ cflags: -pthread
//@ deadline: 60
#include "guest.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

static atomic_int done;
static atomic_long wrong;

static void *run(void *unused) {
  (void)unused;
  long parent = getppid();
  while (!done)
    if (getppid() != parent) wrong++;
  return NULL;
}

static int once(long parent) {
  // A C library of its own, in a namespace of its own.
  void *library = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
  if (!library) return 0;
  pid_t (*their_getppid)(void) = (pid_t(*)(void))dlsym(library, "getppid");
  ssize_t (*their_write)(int, const void *, size_t) =
      (ssize_t(*)(int, const void *, size_t))dlsym(library, "write");
  if (!their_getppid || !their_write) return 0;
  int right = 1;
  for (int i = 0; i < 150; i++)
    right &= their_getppid() == parent && their_write(1, "", 0) == 0;
  return right && dlclose(library) == 0;
}

int main(void) {
  long parent = getppid();
  int right = 0;
  for (int i = 0; i < 20; i++)
    right += once(parent);
  say("alone: %d", right);
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  right = 0;
  for (int i = 0; i < 20; i++)
    right += once(parent);
  done = 1;
  pthread_join(thread, NULL);
  say("beside a thread: %d, wrong %ld", right, (long)wrong);
  return 0;
}
