// Two processes that send a datagram to and fro for ever: who receives has to wait for it.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int bound(struct sockaddr_in *address) {
  socklen_t length = sizeof(*address);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof(*address)) < 0) die("bind");
  if (getsockname(fd, (struct sockaddr *)address, &length) < 0) die("getsockname");
  return fd;
}

static void play(int fd, const struct sockaddr_in *other, bool begins) {
  char byte = 0;
  if (connect(fd, (const struct sockaddr *)other, sizeof(*other)) < 0) die("connect");
  if (begins && send(fd, &byte, 1, 0) != 1) die("send");
  for (;;) {
    if (recv(fd, &byte, 1, 0) != 1) die("recv");
    if (send(fd, &byte, 1, 0) != 1) die("send");
  }
}

int main(void) {
  struct sockaddr_in addresses[2];
  int fds[2] = {bound(addresses), bound(addresses + 1)};
  pid_t child = fork();
  if (child < 0) die("fork");
  int mine = child == 0;
  play(fds[mine], addresses + !mine, mine);
}
