// Requests forged in the line of another kernel thread than the first, and replies that name a thread that there is not:
// of every kind, in the middle of a call that waits there, for descriptors that are sockets of that thread, for others and
// for none; to both threads at once. Where there is no such thread they stay without an answer.
//@ args: 0
//@ args: 1
//@ args: 2
//@ args: 3
//@ ends: any
//@ deadline: 3
//@ cflags: -pthread
#include "hostile.h"
#include <linux/netlink.h>
#include <pthread.h>
#include <sys/socket.h>

static int netlink_pair(int *from) {
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = 0x60000 + getpid() % 0x1000};
  int to = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  *from = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  if (bind(to, (void *)&a, sizeof a) < 0 || connect(*from, (void *)&a, sizeof a) < 0) say("no pair");
  return to;
}

// Every kind, with every call that there may be, and descriptors of all sorts.
static void kinds(int socket) {
  static const int calls[] = {SYS_read,    SYS_write, SYS_sendto, SYS_recvfrom, SYS_recvmsg, SYS_ioctl,
                              SYS_accept4, SYS_close, SYS_exit,   SYS_fork,     SYS_getppid, SYS_rt_sigreturn,
                              511,         -1};
  for (uint32_t kind = 0; kind < 16; kind++)
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
      int fds[] = {socket, 0, 999, -1};
      for (size_t k = 0; k < 4; k++) {
        *quad_at(RF_RDI) = fds[k];
        *quad_at(RF_RSI) = next_random() % 2 ? (uint64_t)&calls : nasty();
        *quad_at(RF_RDX) = nasty();
        *word_at(RF_REQ_IN_LENGTH) = nasty();
        *word_at(RF_REQ_VALUE) = nasty();
        *word_at(RF_REQ_COUNT) = nasty();
        reply_to(forge_to(1, kind, calls[i]), 1);
      }
    }
}

static int waits_on;

static void *waiter(void *arg) {
  (void)arg;
  char byte[64];
  SYS_3(SYS_read, waits_on, byte, sizeof byte);
  return NULL;
}

// While the other thread of this process, whose slot is the next, waits there.
static void under_a_wait(int from, int to) {
  pthread_t t;
  waits_on = to;
  pthread_create(&t, NULL, waiter, NULL);
  usleep(20000);
  for (uint32_t kind = 1; kind < 10; kind++)
    for (int thread = 0; thread < 2; thread++) {
      volatile uint32_t *record = word_at(RF_REQUESTS + thread * RF_REQUESTS_STRIDE + RF_REQUEST_SIZE);
      record[1] = SYS_getppid;
      __atomic_exchange_n(record, (*record & -64u) + 64 + (thread << 4) + kind, __ATOMIC_SEQ_CST);
      SYS_6(SYS_sendto, from, "x", 1, 0, 0, 0);
      usleep(1000);
    }
}

// A reply that a stub takes for one of a thread that there is not.
static void *lies(void *arg) {
  for (int i = 0; i < 2000000; i++)
    *word_at(RF_REP_COUNT) = (uintptr_t)arg << RF_REP_THREAD_SHIFT | 1;
  return NULL;
}

static void lying_replies(int from, int to) {
  pthread_t t;
  char byte[64];
  pthread_create(&t, NULL, lies, (void *)3ul);
  for (int i = 0; i < 2000; i++) {
    SYS_6(SYS_sendto, from, "x", 1, MSG_DONTWAIT, 0, 0);
    SYS_6(SYS_recvfrom, to, byte, 64, MSG_DONTWAIT, 0, 0);
    SYS_3(SYS_read, 0, (char *)8, 10);
  }
  pthread_join(t, NULL);
}

int main(int argc, char **argv) {
  int how = argc > 1 ? atoi(argv[1]) : 0, from, to = netlink_pair(&from);
  char byte[8];
  // The calls of both are known there.
  for (int i = 0; i < 10; i++) {
    SYS_6(SYS_sendto, from, "x", 1, 0, 0, 0);
    SYS_3(SYS_read, to, byte, 8);
  }
  if (how == 0) kinds(to);
  if (how == 1) under_a_wait(from, to);
  if (how == 2) lying_replies(from, to);
  if (how == 3)
    for (int i = 0; i < 3000; i++) {
      *quad_at(RF_RDI) = to;
      forge_to(i % 2, 1 + next_random() % 9, next_random() % 2 ? SYS_getppid : SYS_read);
    }
  say("survived");
  return 0;
}
