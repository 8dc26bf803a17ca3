// Many threads and processes use, close, replace, share and pass on the same few AF_NETLINK sockets, which another kernel
// thread may own, while they are stopped, interrupted and killed: nothing is left of any of it, and what is received is
// what was sent.
//@ ends: 0
//@ needs: sockets threads fork
//@ cflags: -pthread
#include "hostile.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define FIRST 50
#define FDS 6
#define THREADS 6
#define ROUNDS 1500

static void on_signal(int signo) {
  (void)signo;
}

static unsigned port(int i) {
  return 0x50000 + i;
}

// A socket at descriptor `at`, with the port of that number if nobody has it.
static void make(int at) {
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = port(at)};
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_USERSOCK);
  if (s < 0) return;
  bind(s, (void *)&a, sizeof a);
  dup2(s, at);
  close(s);
}

struct message {
  uint64_t value, check;
};

static void send_one(int fd) {
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = port(FIRST + next_random() % FDS)};
  struct message m = {.value = next_random()};
  m.check = m.value * 3 + 1;
  sendto(fd, &m, sizeof m, MSG_DONTWAIT, (void *)&a, sizeof a);
}

static void receive_one(int fd) {
  struct message m = {0};
  long n = recv(fd, &m, sizeof m, MSG_DONTWAIT);
  if (n > 0 && (n != sizeof m || m.check != m.value * 3 + 1)) bad("a message that nobody has sent", n);
}

static void pass_on(int fd) {
  int s[2];
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec v = {"x", 1};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) return;
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  if (sendmsg(s[0], &m, 0) == 1 && next_random() % 2 && recvmsg(s[1], &m, 0) == 1) {
    int got;
    memcpy(&got, CMSG_DATA(c), sizeof got);
    receive_one(got);
    close(got);
  }
  close(s[0]), close(s[1]);
}

static void *works(void *arg) {
  random_state = (uintptr_t)arg;
  for (int i = 0; i < ROUNDS; i++) {
    int fd = FIRST + next_random() % FDS, other = FIRST + next_random() % FDS;
    struct pollfd p = {fd, POLLIN, 0};
    struct epoll_event e = {.events = EPOLLIN | EPOLLET};
    switch (next_random() % 16) {
    case 0:
      make(fd);
      break;
    case 1:
      close(fd);
      break;
    case 2:
      dup2(fd, other);
      break;
    case 3:
      poll(&p, 1, 1);
      break;
    case 4: {
      int set = epoll_create1(0);
      epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
      epoll_wait(set, &e, 1, next_random() % 2);
      close(set);
      break;
    }
    case 5:
      pass_on(fd);
      break;
    case 6:
      fcntl(fd, F_SETFL, next_random() % 2 ? O_NONBLOCK : 0);
      fcntl(fd, F_SETFL, O_NONBLOCK);
      break;
    case 7:
    case 8:
    case 9:
    case 10:
      send_one(fd);
      break;
    default:
      receive_one(fd);
    }
  }
  return NULL;
}

// One that waits, until it is killed.
static pid_t sleeper(int fd) {
  pid_t child = fork();
  if (child == 0) {
    fcntl(fd, F_SETFL, 0);
    char byte;
    for (;;)
      if (recv(fd, &byte, 1, 0) < 0 && errno != EINTR) pause();
  }
  return child;
}

int main(void) {
  struct sigaction a = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &a, NULL);
  for (int i = 0; i < FDS; i++)
    make(FIRST + i);
  for (int round = 0; round < 4; round++) {
    pid_t children[3];
    pthread_t threads[THREADS];
    for (int i = 0; i < 3; i++) {
      children[i] = i == 0 ? sleeper(FIRST) : fork();
      if (children[i] == 0) {
        works((void *)(uintptr_t)(round * 100 + i + 50));
        _exit(0);
      }
    }
    for (uintptr_t i = 0; i < THREADS; i++)
      pthread_create(&threads[i], NULL, works, (void *)(round * 10 + i + 1));
    for (int i = 0; i < 20; i++) {
      usleep(500);
      pthread_kill(threads[i % THREADS], SIGUSR1);
      kill(children[0], i % 2 ? SIGUSR1 : i % 4 ? SIGSTOP : SIGCONT);
    }
    for (int i = 0; i < THREADS; i++)
      pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++)
      kill(children[i], SIGKILL), waitpid(children[i], NULL, 0);
  }
  say("done");
  return 0;
}
