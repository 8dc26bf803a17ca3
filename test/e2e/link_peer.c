// What stands on either side of a link in host_link.test.ts, natively and in the sandbox:
//   link_peer echo FAMILY PORT COUNT SECONDS        sends COUNT datagrams back to whom they came from
//   link_peer ask ADDRESS PORT SIZE COUNT           sends COUNT datagrams of SIZE bytes one after the other, and prints how
//                                                   many came back as they were
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static unsigned char sent[65536], came[65536];

static void wait_at_most(int fd, int seconds) {
  struct timeval time = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

static int echo(int family, int port, int count, int seconds) {
  int fd = socket(family, SOCK_DGRAM, 0);
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int error = family == AF_INET6 ? bind(fd, (struct sockaddr *)&six, sizeof six)
                                 : bind(fd, (struct sockaddr *)&four, sizeof four);
  if (fd < 0 || error < 0) return perror("bind"), 1;
  wait_at_most(fd, seconds);
  printf("listening\n");
  fflush(stdout);
  int done = 0;
  for (; done < count; done++) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(fd, came, sizeof came, 0, (struct sockaddr *)&from, &length);
    if (n < 0) break;
    sendto(fd, came, (size_t)n, 0, (struct sockaddr *)&from, length);
  }
  printf("echoed %d\n", done);
  return 0;
}

static int ask(const char *address, int port, int size, int count) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
  if (!is_six && inet_pton(AF_INET, address, &four.sin_addr) != 1) return 2;
  int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
  if (connect(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four,
              is_six ? sizeof six : sizeof four) < 0)
    return perror("connect"), 1;
  wait_at_most(fd, 3);
  int good = 0;
  for (int i = 0; i < count; i++) {
    for (int at = 0; at < size; at++)
      sent[at] = (unsigned char)(at * 7 + i);
    if (send(fd, sent, (size_t)size, 0) != size) return perror("send"), 1;
    ssize_t n = recv(fd, came, sizeof came, 0);
    if (n == size && memcmp(sent, came, (size_t)size) == 0) good++;
  }
  printf("good %d\n", good);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 6 && strcmp(argv[1], "echo") == 0)
    return echo(argv[2][0] == '6' ? AF_INET6 : AF_INET, atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
  if (argc == 6 && strcmp(argv[1], "ask") == 0)
    return ask(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
  return 2;
}
