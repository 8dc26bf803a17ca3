// Settings of TCP in /proc/sys/net that are more than numbers that are kept: the congestion control, which is a word, and
// what it does to sockets. Natively in a network namespace of its own.
//@ needs: tcp
#include "tcp.h"
#include <sched.h>

#define NET "/proc/sys/net/ipv4/tcp_"

static char text[200];

static const char *get(const char *name) {
  int fd = open(name, O_RDONLY);
  long n = read(fd, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  close(fd);
  return text;
}

static long put(const char *name, const char *what, size_t length) {
  int fd = open(name, O_WRONLY);
  if (fd < 0) return -errno;
  long n = write(fd, what, length);
  if (n < 0) n = -errno;
  close(fd);
  return n;
}

static void control(const char *what, size_t length) {
  long n = put(NET "congestion_control", what, length);
  say("%.*s: %s, then %s", (int)strcspn(what, "\n"), what,
      n < 0               ? error_name(n)
      : n == (long)length ? "ok"
                          : "short",
      get(NET "congestion_control"));
  char name[17] = "";
  socklen_t size = 16;
  int s = tcp();
  getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &size);
  say(" a socket has %s", name);
  close(s);
}

#define CONTROL(what) control(what, sizeof(what) - 1)

static void number(const char *name, const char *least, const char *most, const char *less,
                   const char *more) {
  char path[100];
  snprintf(path, sizeof path, NET "%s", name);
  say("%s: %s", name, get(path));
  const char *texts[] = {least, most, less, more};
  for (int i = 0; i < 4; i++) {
    long n = put(path, texts[i], strlen(texts[i]));
    say(" %s: %s", texts[i], n < 0 ? error_name(n) : get(path));
  }
}

int main(void) {
  unshare(CLONE_NEWNET);
  CONTROL("reno\n");
  CONTROL("nonesuch\n");
  CONTROL(" reno\n");
  CONTROL("reno cubic\n");
  CONTROL("reno\nx");
  CONTROL("\n");
  CONTROL("cubic, which has a long name\n");
  yes_no("there is reno", strstr(get(NET "available_congestion_control"), "reno") != NULL);
  yes_no("anyone may have reno", strstr(get(NET "allowed_congestion_control"), "reno") != NULL);
  number("abort_on_overflow", "0", "255", "-1", "256");
  number("dsack", "0", "255", "-1", "256");
  number("early_retrans", "0", "4", "-1", "5");
  number("frto", "0", "255", "-1", "256");
  number("moderate_rcvbuf", "0", "255", "-1", "256");
  number("orphan_retries", "0", "255", "-1", "256");
  number("syn_linear_timeouts", "0", "127", "-1", "128");
  return 0;
}
