// Settings of TCP far from what anybody means: what is sent with them arrives, or the connection alone ends.
//@ args-once:
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define BYTES (4 << 20)

static bool set(const char *name, const char *value) {
  char path[128];
  snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
  int fd = open(path, O_WRONLY);
  long written = write(fd, value, strlen(value));
  close(fd);
  return written > 0;
}

static void begin(void) {
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  if (unshare(CLONE_NEWNET)) _exit(1);
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  if (ioctl(s, SIOCSIFFLAGS, &lo)) _exit(2);
  close(s);
}

static void receive(int listener) {
  char bytes[65536];
  long total = 0, n;
  int s = accept(listener, NULL, NULL);
  while ((n = read(s, bytes, sizeof bytes)) > 0)
    total += n;
  _exit(total == BYTES ? 0 : 1);
}

// Whether all bytes arrive.
static bool transfer(void) {
  static char bytes[BYTES];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
      getsockname(listener, (struct sockaddr *)&address, &length))
    _exit(3);
  pid_t receiver = fork();
  if (receiver == 0) receive(listener);
  close(listener);
  int status = -1, s = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(s, (struct sockaddr *)&address, length)) _exit(4);
  for (long sent = 0, n; sent < BYTES; sent += n)
    if ((n = write(s, bytes + sent, BYTES - sent)) <= 0) break;
  close(s);
  waitpid(receiver, &status, 0);
  return status == 0;
}

static const struct {
  const char *name, *value;
  bool fits;
} settings[] = {
    {"tcp_min_snd_mss", "65535", true},      {"tcp_min_snd_mss", "65536", false},
    {"tcp_min_snd_mss", "47", false},        {"tcp_reordering", "-1", true},
    {"tcp_reordering", "2147483647", true},  {"tcp_max_reordering", "-2147483648", true},
    {"tcp_max_tw_buckets", "-1", true},      {"tcp_max_tw_buckets", "2147483647", true},
    {"tcp_challenge_ack_limit", "-1", true}, {"tcp_invalid_ratelimit", "-1", true},
};

int main(void) {
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    pid_t child = fork();
    if (child == 0) {
      begin();
      alarm(10);
      if (set(settings[i].name, settings[i].value) != settings[i].fits)
        say("BAD: %s = %s", settings[i].name, settings[i].value);
      if (!transfer()) say("BAD: with %s = %s it did not arrive", settings[i].name, settings[i].value);
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (status != 0) say("BAD: with %s = %s: %x", settings[i].name, settings[i].value, status);
  }
  return 0;
}
