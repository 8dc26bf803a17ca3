// A reader of traces, and an example of one (docs/traces.md, "The wire"): listens on a SOCK_SEQPACKET socket, tells each sandbox
// that connects which version it speaks, and prints a line for each message: its header's numbers, then its JSON.
//
//     trace_reader SOCKET [VERSION]
//
// It reads one sandbox after the other. SIGUSR1: it reads nothing more until SIGUSR2.
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// As wide as the longest message may be.
#define MESSAGE_MAX (1 << 20)

struct header {
  uint16_t size, kind;
  uint32_t length;
  uint64_t sequence, time, lost;
};

static volatile sig_atomic_t is_stopped;

static void stop(int signo) {
  is_stopped = signo == SIGUSR1;
}

static void wait_while_stopped(void) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  while (is_stopped)
    sigsuspend(&before);
  sigprocmask(SIG_SETMASK, &before, NULL);
}

static void read_sandbox(int fd, const char *version) {
  static char bytes[MESSAGE_MAX];
  char answer[64];
  int length = snprintf(answer, sizeof answer, "{\"version\":%s}", version);
  for (;;) {
    wait_while_stopped();
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    struct header header;
    if ((size_t)n < sizeof header) break;
    memcpy(&header, bytes, sizeof header);
    if ((size_t)n < header.size + (size_t)header.length) break;
    // 0x100: the greeting, which wants an answer before anything else comes.
    if (header.kind == 0x100) send(fd, answer, (size_t)length, MSG_NOSIGNAL);
    printf("%u %llu %llu %llu %.*s\n", header.kind, (unsigned long long)header.sequence,
           (unsigned long long)header.time, (unsigned long long)header.lost, (int)header.length,
           bytes + header.size);
    fflush(stdout);
  }
  close(fd);
  printf("gone\n");
  fflush(stdout);
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc < 2 || strlen(argv[1]) >= sizeof address.sun_path) return 2;
  strcpy(address.sun_path, argv[1]);
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  unlink(address.sun_path);
  int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof address) < 0 ||
      listen(listening, 16) < 0) {
    perror(argv[1]);
    return 1;
  }
  printf("listening\n");
  fflush(stdout);
  for (;;) {
    int fd = accept(listening, NULL, NULL);
    if (fd >= 0) read_sandbox(fd, argc > 2 ? argv[2] : "1");
  }
}
