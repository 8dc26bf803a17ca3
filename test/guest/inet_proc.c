// Internet sockets in /proc/net: a socket's line with its addresses, state, queue, owner and inode, and the counters that go
// up with what is sent.
//@ needs: sockets proc fork credentials
#include "network.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/wait.h>

// The line of a socket, by its inode, without what differs from run to run.
static void line_of(const char *name, int s) {
  struct stat st;
  fstat(s, &st);
  read_net(name);
  for (char *line = strtok(net_text, "\n"); line; line = strtok(0, "\n")) {
    char local[80], remote[80], state[8], queues[40], timer[40], retransmits[20], pointer[40];
    int slot, uid, timeout, refs, drops, n;
    unsigned long inode;
    n = sscanf(line, "%d: %79s %79s %7s %39s %39s %19s %d %d %lu %d %39s %d", &slot, local, remote, state,
               queues, timer, retransmits, &uid, &timeout, &inode, &refs, pointer, &drops);
    if (n != 13 || inode != st.st_ino) continue;
    say("%s: %s %s %s %s %s %s uid %d timeout %d refs %d drops %d", name, local, remote, state, queues, timer,
        retransmits, uid, timeout, refs, drops);
    return;
  }
  say("%s: none", name);
}

static long counter6(const char *name) {
  read_net("snmp6");
  char key[60];
  snprintf(key, sizeof key, "%s ", name);
  char *at = strstr(net_text, key);
  return at ? strtol(at + strlen(key), 0, 10) : -1;
}

static struct sockaddr_in four(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static struct sockaddr_in6 six(int port) {
  return (struct sockaddr_in6){
      .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
}

int main(void) {
  struct sockaddr_in a = four(4600), b = four(4601);
  struct sockaddr_in6 c = six(4602);
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  line_of("udp", s);
  bind(s, (void *)&a, sizeof a);
  line_of("udp", s);
  connect(s, (void *)&b, sizeof b);
  line_of("udp", s);
  line_of("udp6", s);
  int t = socket(AF_INET6, SOCK_DGRAM, 0);
  bind(t, (void *)&c, sizeof c);
  line_of("udp6", t);
  int out = socket(AF_INET6, SOCK_DGRAM, 0);
  sendto(out, "hello", 5, 0, (void *)&c, sizeof c);
  line_of("udp6", t);
  connect(t, (void *)&c, sizeof c);
  line_of("udp6", t);
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(4603)};
  int u = socket(AF_INET6, SOCK_DGRAM, 0);
  bind(u, (void *)&any, sizeof any);
  line_of("udp6", u);
  int raw = socket(AF_INET, SOCK_RAW, 253), raw6 = socket(AF_INET6, SOCK_RAW, 253);
  line_of("raw", raw);
  line_of("raw6", raw6);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setuid(1234);
    struct sockaddr_in d = four(4605);
    int other = socket(AF_INET, SOCK_DGRAM, 0);
    bind(other, (void *)&d, sizeof d);
    line_of("udp", other);
    _exit(0);
  }
  waitpid(pid, 0, 0);

  long sent = net_counter("snmp", "Udp:", "OutDatagrams"),
       received = net_counter("snmp", "Udp:", "InDatagrams"), nobody = net_counter("snmp", "Udp:", "NoPorts"),
       echoes = net_counter("snmp", "Icmp:", "OutDestUnreachs"),
       octets = net_counter("netstat", "IpExt:", "OutOctets"), six_sent = counter6("Udp6OutDatagrams");
  int v = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in e = four(4606), f = four(4607);
  bind(v, (void *)&e, sizeof e);
  for (int i = 0; i < 3; i++)
    sendto(v, "hello", 5, 0, (void *)&e, sizeof e);
  sendto(v, "hello", 5, 0, (void *)&f, sizeof f);
  sendto(out, "hello", 5, 0, (void *)&any, sizeof any);
  char data[10];
  for (int i = 0; i < 3; i++)
    recv(v, data, sizeof data, 0);
  yes_no("sent", net_counter("snmp", "Udp:", "OutDatagrams") >= sent + 4);
  yes_no("received", net_counter("snmp", "Udp:", "InDatagrams") >= received + 3);
  yes_no("to nobody", net_counter("snmp", "Udp:", "NoPorts") >= nobody + 1);
  yes_no("told", net_counter("snmp", "Icmp:", "OutDestUnreachs") >= echoes + 1);
  yes_no("octets", net_counter("netstat", "IpExt:", "OutOctets") >= octets + 4 * 33);
  yes_no("of IPv6", counter6("Udp6OutDatagrams") >= six_sent + 1);
  value("of TCP", net_counter("snmp", "Tcp:", "RtoMin"));
  read_net("sockstat");
  char *used = strstr(net_text, "UDP: inuse ");
  yes_no("in use", used && atoi(used + 11) >= 2);
  return 0;
}
