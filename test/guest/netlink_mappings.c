// Calls on AF_NETLINK sockets, which another kernel thread may serve, between calls that change memory: a thread that
// waits there keeps no range from the others of its process, which unmap what it has mapped, fork and look at it.
//@ needs: sockets threads fork proc
//@ cflags: -pthread
#include "guest.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ROUNDS 400

static int from, to;
static volatile char *volatile mapped;
static volatile pid_t waiter_tid;

static void pair(void) {
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = 0x74000};
  to = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  from = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  if (bind(to, (void *)&a, sizeof a) < 0 || connect(from, (void *)&a, sizeof a) < 0) say("no pair");
}

// Nothing stands between the two calls.
static void *waiter(void *arg) {
  char byte;
  waiter_tid = gettid();
  for (int i = 0; i < ROUNDS; i++) {
    mapped = (char *)map_at(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    long n = SYS_6(SYS_recvfrom, to, &byte, 1, 0, 0, 0);
    if (n != 1) value("received", n);
  }
  return arg;
}

static char state_of(pid_t tid) {
  char path[64], text[256] = "", *end;
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  int fd = open(path, O_RDONLY);
  if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) return '?';
  close(fd);
  end = strrchr(text, ')');
  return end ? end[2] : '?';
}

int main(void) {
  pthread_t t;
  int forks = 0, unmapped = 0;
  pair();
  pthread_create(&t, NULL, waiter, NULL);
  for (int i = 0; i < ROUNDS; i++) {
    while (!mapped)
      usleep(0);
    char *at = (char *)mapped;
    mapped = NULL;
    if (i % 16 == 7) {
      pid_t child = fork();
      if (child == 0) _exit(0);
      forks += waitpid(child, NULL, 0) == child;
    }
    unmapped += SYS_2(SYS_munmap, at, 4 * PAGE) == 0;
    if (i == ROUNDS / 2) {
      usleep(50000);
      say("who waits: %c", state_of(waiter_tid));
    }
    send(from, "x", 1, 0);
  }
  pthread_join(t, NULL);
  say("%d unmapped, %d forks", unmapped, forks);
  return 0;
}
