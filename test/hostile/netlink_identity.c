// Who a thread is, and what its descriptors are, changes between its calls on AF_NETLINK sockets, which it may post to
// another kernel thread, while that one is flooded with messages of the first: no call is served as somebody else's, or on
// something else. Whoever makes sockets is killed, or runs another program, in the middle: none is left.
//@ args: 0
//@ args: 1
//@ args: 2
//@ ends: 0
//@ deadline: 60
//@ needs: sockets threads fork credentials
//@ cflags: -pthread
#include "hostile.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct sockaddr_nl address(unsigned port) {
  return (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = port};
}

static int bound(int protocol, unsigned port) {
  struct sockaddr_nl a = address(port);
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, protocol);
  if (s >= 0 && bind(s, (void *)&a, sizeof a)) bad("a port", -errno);
  return s;
}

// Makes sockets that are known by their descriptors, and closes them all at once.
static pid_t flood(void) {
  pid_t child = fork();
  while (child == 0) {
    int n = 0;
    while (n < 900 && send(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "", 1, 0) == 1)
      n++;
    syscall(SYS_close_range, 3, 2000, 0);
  }
  return child;
}

static void end(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

// Rights are the thread's at the time of the call.
static void *rights(void *arg) {
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl a = address(0x76000);
  for (int i = 0; i < 1500; i++) {
    SYS_3(SYS_setresuid, -1, i % 2 ? 1000 : 0, -1);
    for (int k = 0; k < 3; k++) {
      long r = SYS_6(SYS_sendto, s, "x", 1, MSG_DONTWAIT, &a, sizeof a);
      if ((r == -EPERM) != i % 2) bad(i % 2 ? "rights that are gone" : "rights that are missing", r);
    }
  }
  close(s);
  return arg;
}

static void identities(void) {
  pthread_t threads[3];
  int to = bound(NETLINK_ROUTE, 0x76000);
  pid_t child = flood();
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, rights, NULL);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  end(child);
  close(to);
}

#define PORTS 4
static int sockets[PORTS], file;

// Descriptor `at` is in turn each of the sockets, and a file; in a table of the thread's own, or in that of all.
static void *descriptors(void *arg) {
  int at = 600 + (int)(intptr_t)arg;
  if (at % 2) unshare(CLONE_FILES);
  for (int i = 0; i < 1500; i++) {
    int what = next_random() % (PORTS + 2);
    if (what == PORTS + 1)
      close(at);
    else
      dup2(what == PORTS ? file : sockets[what], at);
    for (int k = 0; k < 3; k++) {
      struct sockaddr_nl a = {0};
      socklen_t length = sizeof a;
      long r = SYS_3(SYS_getsockname, at, &a, &length);
      long want = what == PORTS + 1 ? -EBADF : what == PORTS ? -ENOTSOCK : 0;
      if (r != want) bad("another thing at the descriptor", r);
      if (want == 0 && a.nl_pid != 0x76100u + what) bad("another socket at the descriptor", a.nl_pid);
    }
  }
  close(at);
  return arg;
}

static void tables(void) {
  pthread_t threads[4];
  for (int i = 0; i < PORTS; i++)
    sockets[i] = bound(NETLINK_USERSOCK, 0x76100 + i);
  file = open("/dev/null", O_RDWR);
  pid_t child = flood();
  for (intptr_t i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, descriptors, (void *)i);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  end(child);
}

static void *makes(void *arg) {
  for (;;)
    close(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  return arg;
}

static void cut_off(char *self) {
  for (int i = 0; i < 60; i++) {
    pid_t child = fork();
    if (child == 0) {
      pthread_t t;
      for (int k = 0; k < 5; k++)
        pthread_create(&t, NULL, makes, NULL);
      usleep(next_random() % 3000);
      if (i % 3 == 0) execl(self, self, "3", NULL);
      if (i % 3 == 1) _exit(0);
      makes(NULL);
    }
    usleep(next_random() % 6000);
    end(child);
  }
}

int main(int argc, char **argv) {
  int how = argc > 1 ? atoi(argv[1]) : 0;
  if (how == 0) identities();
  if (how == 1) tables();
  if (how == 2) cut_off("/proc/self/exe");
  if (how < 3) say("done");
  return 0;
}
