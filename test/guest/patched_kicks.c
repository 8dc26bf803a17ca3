// Signals that another thread sends at any moment around a system call arrive at once, though the receiver
// makes no other call afterwards: one that came just before the call returned is not forgotten.
//@ needs: threads signals pipes
//@ cflags: -pthread
//@ deadline: 90
#include "sites.h"
#include <pthread.h>
#include <stdatomic.h>

#define ROUNDS 600

SITE(getppid_site, 110);
CHAINED_SITE(chained_site, 110);
// Which a sandbox may answer without its kernel.
SITE(getuid_site, 102);
SITE_WITH((long, struct timespec *), clock_gettime_site, 228);

static atomic_int started, arrived;
static pthread_t receiver;

static void on_signal(int signo) {
  (void)signo;
  arrived++;
}

static void pause_for(unsigned turns) {
  for (volatile unsigned i = 0; i < turns; i++) {
  }
}

static void *send(void *unused) {
  (void)unused;
  unsigned random = 1;
  for (int round = 1; round <= ROUNDS; round++) {
    while (started < round)
      SYS_0(SYS_sched_yield);
    random = random * 1103515245 + 12345;
    pause_for(random >> 16 & 0xfff);
    pthread_kill(receiver, SIGUSR1);
  }
  return NULL;
}

int main(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  long parent = getppid();
  unsigned user = getuid();
  struct timespec now;
  int ends[2], wrong = 0;
  if (pipe(ends)) return 1;
  for (int i = 0; i < WARM; i++)
    wrong += getppid_site() != parent || chained_site() != parent || getuid_site() != (long)user ||
             clock_gettime_site(CLOCK_MONOTONIC, &now);
  receiver = pthread_self();
  pthread_t sender;
  pthread_create(&sender, NULL, send, NULL);
  for (int round = 1; round <= ROUNDS; round++) {
    started = round;
    for (int k = 0; k < round % 5; k++)
      wrong += getppid_site() != parent;
    switch (round % 4) {
    case 0:
      wrong += chained_site() != parent;
      break;
    case 1: {
      // With something to copy out.
      char byte = round, got = 0;
      if (SYS_3(SYS_write, ends[1], &byte, 1) != 1 || SYS_3(SYS_read, ends[0], &got, 1) != 1) wrong++;
      wrong += got != byte;
      break;
    }
    case 2:
      for (int k = 0; k < round % 300; k++)
        wrong += getuid_site() != (long)user;
      break;
    default:
      for (int k = 0; k < round % 100; k++)
        wrong += clock_gettime_site(CLOCK_MONOTONIC, &now) != 0;
      break;
    }
    while (arrived < round) { // no call from here on
    }
  }
  pthread_join(sender, NULL);
  say("wrong %d, arrived %d", wrong, arrived);
  return 0;
}
