// Threads move bytes between streams, packet sockets, pipes and files (sendfile, splice), while others close what they
// move from and to, put other things there, send signals, and the process is killed: nothing is left of any of it, and
// nobody else's bytes come.
//@ ends: 0
//@ needs: sockets tcp threads fork
//@ cflags: -pthread
#include "hostile.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FIRST 60
#define FDS 8
#define ROUNDS 40
#define THREADS 4

static void on_signal(int signo) {
  (void)signo;
}

// Two ends of a stream, of a pipe, a packet socket, a datagram one, and files of zeros; at descriptors of that number.
static void make(int at) {
  int two[2] = {-1, -1};
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof name;
  switch (at % 4) {
  case 0: {
    int l = socket(AF_INET, SOCK_STREAM, 0);
    bind(l, (void *)&name, sizeof name), listen(l, 1), getsockname(l, (void *)&name, &length);
    two[0] = socket(AF_INET, SOCK_STREAM, 0);
    connect(two[0], (void *)&name, sizeof name);
    two[1] = accept(l, 0, 0);
    close(l);
    break;
  }
  case 1:
    if (pipe(two)) return;
    break;
  case 2:
    two[0] = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    two[1] = socket(AF_INET, SOCK_DGRAM, 0);
    bind(two[1], (void *)&name, sizeof name), getsockname(two[1], (void *)&name, &length);
    connect(two[1], (void *)&name, sizeof name);
    break;
  default:
    two[0] = memfd_create("zeros", 0), two[1] = memfd_create("more", 0);
    if (ftruncate(two[0], 1 << 20) || ftruncate(two[1], 5000)) return;
  }
  for (int i = 0; i < 2; i++) {
    dup2(two[i], FIRST + (at + i) % FDS);
    if (two[i] >= 0) close(two[i]);
  }
}

static int any(void) {
  return FIRST + next_random() % FDS;
}

static void *mover(void *unused) {
  (void)unused;
  for (;;) {
    int length = 1 << next_random() % 18;
    switch (next_random() % 4) {
    case 0:
      sendfile(any(), any(), next_random() % 2 ? &(off_t){0} : 0, length);
      break;
    case 1:
      splice(any(), 0, any(), 0, length, next_random() % 2 ? SPLICE_F_NONBLOCK : 0);
      break;
    case 2:
      make(next_random() % FDS);
      break;
    default:
      if (next_random() % 4 == 0) close(any());
      tgkill(getpid(), getpid() + next_random() % THREADS, SIGUSR1);
    }
  }
  return 0;
}

int main(void) {
  struct sigaction a = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &a, 0);
  signal(SIGPIPE, SIG_IGN);
  for (int round = 0; round < ROUNDS; round++) {
    pid_t pid = fork();
    if (pid == 0) {
      for (int i = 0; i < round; i++)
        next_random();
      for (int i = 0; i < FDS; i += 2)
        make(i);
      pthread_t t;
      for (int i = 1; i < THREADS; i++)
        pthread_create(&t, 0, mover, 0);
      mover(0);
    }
    usleep(5000 + next_random() % 60000);
    kill(pid, SIGKILL);
    waitpid(pid, 0, 0);
  }
  // Who comes next gets what was sent.
  make(0);
  int file = memfd_create("letters", 0), p[2];
  char got[5000] = {0};
  memset(got, 'a', sizeof got);
  if (pipe(p) || write(file, got, sizeof got) != sizeof got) bad("a file", -errno);
  long n = sendfile(FIRST, file, &(off_t){0}, sizeof got), m = splice(FIRST + 1, 0, p[1], 0, sizeof got, 0);
  if (n != sizeof got || m <= 0) bad("moved", n < m ? n : m);
  memset(got, 0, sizeof got);
  if (read(p[0], got, sizeof got) != m) bad("read", m);
  for (long i = 0; i < m; i++)
    if (got[i] != 'a') bad("another byte", i);
  return 0;
}
