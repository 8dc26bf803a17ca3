// What stands on either side of a link in host_link.test.ts, natively and in the sandbox:
//   link_peer echo FAMILY PORT COUNT SECONDS        sends COUNT datagrams back to whom they came from
//   link_peer ask ADDRESS PORT SIZE COUNT           sends COUNT datagrams of SIZE bytes one after the other, and prints how
//                                                   many came back as they were
//   link_peer names NAMESPACE COUNT                 is a name server as engines have them: a socket at 127.0.0.11:53 of that
//                                                   network namespace, in which nobody is; questions whose 13th byte is
//                                                   odd are put to 10.7.0.1:53, from there as well
//   link_peer sink FAMILY PORT COUNT                takes COUNT connections one after the other, and answers each, when it
//                                                   ends, with how much came that was as it should be
//   link_peer pour ADDRESS PORT BYTES               sends BYTES bytes by a connection, and prints the answer
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
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

// A socket on that port of any address; -1 where that cannot be, which is told.
static int bound(int family, int type, int port) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int fd = socket(family, type, 0);
  if (type == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  int error = family == AF_INET6 ? bind(fd, (struct sockaddr *)&six, sizeof six)
                                 : bind(fd, (struct sockaddr *)&four, sizeof four);
  if (fd < 0 || error < 0) return perror("bind"), -1;
  return fd;
}

// A socket that is connected to there; -1 where that cannot be, which is told.
static int connected(const char *address, int type, int port) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
  if (!is_six && inet_pton(AF_INET, address, &four.sin_addr) != 1) exit(2);
  int fd = socket(is_six ? AF_INET6 : AF_INET, type, 0);
  if (connect(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four,
              is_six ? sizeof six : sizeof four) < 0)
    return perror("connect"), -1;
  return fd;
}

static int echo(int family, int port, int count, int seconds) {
  int fd = bound(family, SOCK_DGRAM, port);
  if (fd < 0) return 1;
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
  int fd = connected(address, SOCK_DGRAM, port);
  if (fd < 0) return 1;
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

static int names(const char *namespace, int count) {
  int own = open("/proc/self/ns/net", O_RDONLY), other = open(namespace, O_RDONLY);
  struct sockaddr_in here = {
      .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f00000b)};
  struct sockaddr_in above = {
      .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x0a070001)};
  if (setns(other, CLONE_NEWNET) < 0) return perror("setns"), 1;
  int fd = socket(AF_INET, SOCK_DGRAM, 0), upstream = socket(AF_INET, SOCK_DGRAM, 0);
  if (setns(own, CLONE_NEWNET) < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0 ||
      connect(upstream, (struct sockaddr *)&above, sizeof above) < 0)
    return perror("bind"), 1;
  printf("listening\n");
  fflush(stdout);
  wait_at_most(upstream, 3);
  wait_at_most(fd, 20);
  for (int i = 0; i < count; i++) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(fd, came, sizeof came, 0, (struct sockaddr *)&from, &length);
    if (n < 0) return perror("recvfrom"), 1;
    if (n > 12 && came[12] & 1) {
      send(upstream, came, (size_t)n, 0);
      n = recv(upstream, came, sizeof came, 0);
      if (n < 0) continue;
    }
    sendto(fd, came, (size_t)n, 0, (struct sockaddr *)&from, length);
  }
  return 0;
}

static unsigned char pattern(unsigned long at) {
  return (unsigned char)(at * 31 + (at >> 16));
}

static int sink(int family, int port, int count) {
  int fd = bound(family, SOCK_STREAM, port);
  if (fd < 0) return 1;
  if (listen(fd, 5) < 0) return perror("listen"), 1;
  printf("listening\n");
  fflush(stdout);
  for (int i = 0; i < count; i++) {
    int one = accept(fd, NULL, NULL);
    unsigned long total = 0;
    int bad = 0;
    for (ssize_t n; (n = read(one, came, sizeof came)) != 0;) {
      if (n < 0) return perror("read"), 1;
      for (ssize_t at = 0; at < n; at++)
        if (came[at] != pattern(total++)) bad = 1;
    }
    dprintf(one, "%s %lu\n", bad ? "bad" : "good", total);
    close(one);
  }
  return 0;
}

static int pour(const char *address, int port, unsigned long bytes) {
  int fd = connected(address, SOCK_STREAM, port);
  if (fd < 0) return 1;
  for (unsigned long at = 0; at < bytes;) {
    size_t length = bytes - at < sizeof sent ? bytes - at : sizeof sent;
    for (size_t i = 0; i < length; i++)
      sent[i] = pattern(at + i);
    for (size_t done = 0; done < length;) {
      ssize_t n = write(fd, sent + done, length - done);
      if (n < 0) return perror("write"), 1;
      done += (size_t)n;
    }
    at += length;
  }
  shutdown(fd, SHUT_WR);
  ssize_t n = read(fd, came, sizeof came);
  if (n < 0) return perror("read"), 1;
  fwrite(came, 1, (size_t)n, stdout);
  return 0;
}

// Listens on `count` ports from `port` on, several times anew, and stays with the last ones until it reads the end.
static int churn(int port, int count, int times) {
  static int fds[1024];
  if (count > 1024) return 2;
  for (int i = 0; i < times; i++) {
    for (int k = 0; k < count; k++) {
      if (i > 0) close(fds[k]);
      fds[k] = bound(AF_INET, SOCK_STREAM, port + k);
      if (fds[k] < 0) return 1;
      if (listen(fds[k], 1) < 0) return perror("listen"), 1;
    }
  }
  printf("churned\n");
  fflush(stdout);
  sleep(60);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "churn") == 0) return churn(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
  if (argc == 6 && strcmp(argv[1], "echo") == 0)
    return echo(argv[2][0] == '6' ? AF_INET6 : AF_INET, atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
  if (argc == 4 && strcmp(argv[1], "names") == 0) return names(argv[2], atoi(argv[3]));
  if (argc == 5 && strcmp(argv[1], "sink") == 0)
    return sink(argv[2][0] == '6' ? AF_INET6 : AF_INET, atoi(argv[3]), atoi(argv[4]));
  if (argc == 5 && strcmp(argv[1], "pour") == 0)
    return pour(argv[2], atoi(argv[3]), strtoul(argv[4], NULL, 10));
  if (argc == 6 && strcmp(argv[1], "ask") == 0)
    return ask(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
  return 2;
}
