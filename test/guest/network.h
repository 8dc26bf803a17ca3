// The network that a program is in: one of its own, and what /proc/net tells of it.
#ifndef RINGFENCE_NETWORK_H
#define RINGFENCE_NETWORK_H

#include "guest.h"
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

// Natively a network namespace of the program's own, with lo up, as a sandbox is. There it cannot be had, and need not.
__attribute__((unused)) static void own_network(void) {
  unshare(CLONE_NEWNET);
  int s = socket(AF_UNIX, SOCK_DGRAM, 0);
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  SYS_3(SYS_ioctl, s, SIOCSIFFLAGS, &lo);
  close(s);
}

__attribute__((unused)) static char net_text[1 << 20];

// Reads a file of /proc/net to net_text.
__attribute__((unused)) static void read_net(const char *name) {
  char path[100];
  snprintf(path, sizeof path, "/proc/net/%s", name);
  int fd = open(path, O_RDONLY), n = 0, r;
  while (fd >= 0 && n < (int)sizeof net_text - 1 && (r = read(fd, net_text + n, sizeof net_text - 1 - n)) > 0)
    n += r;
  net_text[n > 0 ? n : 0] = 0;
  close(fd);
}

// A counter of /proc/net/snmp or netstat: of the two lines that begin with `row` the first has the names.
__attribute__((unused)) static long net_counter(const char *file, const char *row, const char *name) {
  read_net(file);
  char *at = strstr(net_text, row);
  if (!at) return -1;
  char names[8000], *values = strchr(at, '\n') + 1, *saved, *value = values + strlen(row);
  snprintf(names, sizeof names, "%.*s", (int)(values - at - 1), at);
  for (char *one = strtok_r(names + strlen(row), " ", &saved); one; one = strtok_r(0, " ", &saved)) {
    long number = strtol(value, &value, 10);
    if (strcmp(one, name) == 0) return number;
  }
  return -2;
}

#endif
