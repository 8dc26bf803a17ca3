// Every option of datagram and raw sockets of both families: what it is at first, what setsockopt takes of what length,
// and what it is then.
//@ needs: sockets
#include "guest.h"
#include <netinet/in.h>
#include <sys/socket.h>

struct kind {
  const char *name;
  int family, type, protocol;
};
static const struct kind kinds[] = {
    {"udp4", AF_INET, SOCK_DGRAM, 0},           {"udp6", AF_INET6, SOCK_DGRAM, 0},
    {"icmp4", AF_INET, SOCK_RAW, IPPROTO_ICMP}, {"icmp6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
    {"raw4", AF_INET, SOCK_RAW, IPPROTO_RAW},   {"raw6", AF_INET6, SOCK_RAW, 89},
};
static const struct {
  int level, last;
} levels[] = {{SOL_SOCKET, 84}, {IPPROTO_IP, 56}, {IPPROTO_IPV6, 80},  {IPPROTO_UDP, 110},
              {255, 10},        {IPPROTO_TCP, 4}, {IPPROTO_ICMPV6, 3}, {136, 12}};

// Those that differ from run to run, that belong to packet filters and policies, that take names or pointers.
static int is_left_out(int level, int name) {
  if (level == SOL_SOCKET)
    return name == SO_COOKIE || name == SO_ATTACH_FILTER || name == SO_ATTACH_BPF || name == 51 ||
           name == 52 || name == SO_DETACH_FILTER || name == SO_INCOMING_CPU || name == SO_LOCK_FILTER ||
           name == 61 || name == 68 || name == SO_PEERSEC || name == 80 || name == SO_TIMESTAMPING ||
           name == 65;
  if (level == IPPROTO_ICMPV6) return name != 1;
  if (level == IPPROTO_IP)
    return name == 4 || name == 5 || name == 16 || name == 17 || (name >= 36 && name <= 48);
  if (level == IPPROTO_IPV6)
    return name == 27 || name == 28 || name == 32 || name == 34 || name == 35 || (name >= 42 && name <= 48) ||
           (name >= 64 && name <= 69 && name != 66 && name != 67) || name == 1 || name == 24 || name == 36 ||
           name == 72 || (name >= 54 && name <= 59) || name == 6 || name == 9;
  if (level == IPPROTO_UDP) return name == 100;
  return 0;
}

static int get(int s, int level, int name, int room, char *line) {
  unsigned char bytes[300];
  memset(bytes, 0xaa, sizeof bytes);
  socklen_t length = room;
  long r = SYS_5(SYS_getsockopt, s, level, name, bytes, &length);
  if (failed(r)) {
    strcpy(line, error_name(r));
    return r != -ENOPROTOOPT && r != -EOPNOTSUPP;
  }
  int n = sprintf(line, "%d:", length);
  for (int i = 0; i < (int)length && i < 40; i++)
    n += sprintf(line + n, "%02x", bytes[i]);
  return 1;
}

static void try(const struct kind *kind, int level, int name) {
  static const int values[] = {-2, -1, 0, 1, 5, 6, 7, 64, 255, 256, 70000};
  static const int lengths[] = {0, 1, 3, 4, 8, 12, 16, 20};
  char text[1000], line[200];
  int s = socket(kind->family, kind->type, kind->protocol);
  int known = get(s, level, name, 256, line);
  int n = sprintf(text, "%s %d/%d: %s", kind->name, level, name, line);
  for (int room = 0; known && room < 4; room++) {
    if (level == SOL_SOCKET) break;
    get(s, level, name, room, line);
    n += sprintf(text + n, " %s", line);
  }
  int settable = known;
  for (int i = 0; i < 11; i++) {
    long r = SYS_5(SYS_setsockopt, s, level, name, &values[i], 4);
    if (r == -ENOPROTOOPT) continue;
    settable = 1;
    if (failed(r)) {
      n += sprintf(text + n, "; %d: %s", values[i], error_name(r));
      continue;
    }
    get(s, level, name, 256, line);
    n += sprintf(text + n, "; %d: %s", values[i], line);
  }
  close(s);
  if (!settable) return;
  say("%s", text);
  n = sprintf(text, "%s %d/%d by length", kind->name, level, name);
  for (int i = 0; i < 8; i++) {
    char bytes[20] = {1};
    s = socket(kind->family, kind->type, kind->protocol);
    long r = SYS_5(SYS_setsockopt, s, level, name, bytes, lengths[i]);
    n += sprintf(text + n, " %d: %s", lengths[i], failed(r) ? error_name(r) : "ok");
    close(s);
  }
  say("%s", text);
}

int main(void) {
  for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (unsigned l = 0; l < sizeof levels / sizeof *levels; l++)
      for (int name = 0; name <= levels[l].last; name++)
        if (!is_left_out(levels[l].level, name)) try(&kinds[k], levels[l].level, name);
  return 0;
}
