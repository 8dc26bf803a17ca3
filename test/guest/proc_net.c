// /proc/self/net: files of devices, addresses and routes as they are after changes, read in one piece and in small ones,
// and headings of tables that are empty. Natively in a network namespace of its own.
//@ needs: sockets files proc
#include "network.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static char text[65536];

static int opened(const char *name) {
  char path[100];
  sprintf(path, "/proc/self/net/%s", name);
  return open(path, O_RDONLY);
}

// The whole file, by reads of that size.
static long whole(const char *name, size_t size) {
  int fd = opened(name);
  if (fd < 0) return -1;
  long length = 0;
  for (;;) {
    long n = SYS_3(SYS_read, fd, text + length, size);
    if (n <= 0) break;
    length += n;
  }
  text[length] = 0;
  close(fd);
  return length;
}

static void show(const char *name) {
  say("%s: %ld", name, whole(name, 32768));
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    // What the devices have sent depends on who was here before.
    char *counts = strcmp(name, "dev") == 0 ? strchr(line, ':') : NULL;
    if (counts != NULL) *counts = 0;
    say(" |%s|", line);
  }
}

static void change(int type, int kind, unsigned address, int prefix, int priority) {
  struct {
    struct nlmsghdr h;
    struct rtmsg r;
    struct rtattr a;
    unsigned address;
    struct rtattr b;
    int priority;
    struct rtattr c;
    int device;
  } m = {.h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
         .r = {.rtm_family = AF_INET,
               .rtm_dst_len = prefix,
               .rtm_table = RT_TABLE_MAIN,
               .rtm_protocol = RTPROT_STATIC,
               .rtm_scope = kind == RTN_UNICAST ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
               .rtm_type = kind},
         .a = {8, RTA_DST},
         .address = htonl(address),
         .b = {8, RTA_PRIORITY},
         .priority = priority,
         .c = {8, RTA_OIF},
         .device = 1};
  m.h.nlmsg_len = sizeof m - (kind == RTN_UNICAST ? 0 : 8);
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (send(s, &m, m.h.nlmsg_len, 0) < 0 || recv(s, text, sizeof text, 0) < 0) say("no answer");
  struct nlmsgerr *e = NLMSG_DATA((struct nlmsghdr *)text);
  if (e->error != 0) say("%s", error_name(e->error));
  close(s);
}

int main(void) {
  own_network();
  static const char *const names[] = {"dev",  "route", "if_inet6", "arp",    "tcp",  "tcp6",   "udp",
                                      "udp6", "raw",   "raw6",     "packet", "icmp", "udplite"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    show(names[i]);
  change(RTM_NEWROUTE, RTN_UNICAST, 0x0a000000, 8, 0);
  change(RTM_NEWROUTE, RTN_BLACKHOLE, 0x0a010000, 16, 5);
  change(RTM_NEWROUTE, RTN_UNREACHABLE, 0x0a020000, 16, 0);
  change(RTM_NEWROUTE, RTN_PROHIBIT, 0x0a030000, 32, 0);
  show("route");
  for (int i = 0; i < 300; i++)
    change(RTM_NEWROUTE, RTN_UNICAST, 0x0b000000 + i, 32, i);
  long length = whole("route", 65536);
  unsigned sum = 0;
  for (long i = 0; i < length; i++)
    sum = sum * 31 + (unsigned char)text[i];
  say("%ld: %u", length, sum);
  static const int sizes[] = {1, 100, 4096};
  for (size_t k = 0; k < 3; k++) {
    unsigned other = 0;
    long again = whole("route", sizes[k]);
    for (long i = 0; i < again; i++)
      other = other * 31 + (unsigned char)text[i];
    say("by %d: %ld, %s", sizes[k], again, other == sum ? "the same" : "another");
  }
  int fd = opened("route");
  value("pread", SYS_4(SYS_pread64, fd, text, 50, 12800));
  say("%.50s", text);
  value("back", SYS_4(SYS_pread64, fd, text, 50, 128));
  say("%.50s", text);
  value("seek", SYS_3(SYS_lseek, fd, 256, SEEK_SET));
  value("read", SYS_3(SYS_read, fd, text, 40));
  say("%.40s", text);
  value("behind", SYS_4(SYS_pread64, fd, text, 50, 10000000));
  value("seek", SYS_3(SYS_lseek, fd, 0, SEEK_SET));
  value("read", SYS_3(SYS_read, fd, text, 40));
  say("%.5s", text);
  close(fd);
  value("no such file", opened("nosuch") < 0 ? -errno : 0);
  return 0;
}
