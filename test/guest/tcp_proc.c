// Streams in /proc/net: lines of those that listen and of connections, queues in both, and counters that go up.
//@ needs: tcp proc
//@ args: 4
//@ args: 6
#include "network.h"
#include "tcp.h"
#include <sys/stat.h>

static int port_in(const char *place) {
  const char *colon = strchr(place, ':');
  return colon ? (int)strtol(colon + 1, 0, 16) : -1;
}

// The line of a socket, by its inode, without what differs from run to run.
static void line_of(const char *what, int s) {
  struct stat st;
  fstat(s, &st);
  read_net(family == AF_INET ? "tcp" : "tcp6");
  for (char *line = strtok(net_text, "\n"); line; line = strtok(0, "\n")) {
    char local[80], remote[80], state[8], queues[40], timer[40], retransmits[20], pointer[40];
    int slot, uid, timeout, refs, more[5];
    unsigned long inode;
    int n = sscanf(line, "%d: %79s %79s %7s %39s %39s %19s %d %d %lu %d %39s %d %d %d %d %d", &slot, local,
                   remote, state, queues, timer, retransmits, &uid, &timeout, &inode, &refs, pointer,
                   &more[0], &more[1], &more[2], &more[3], &more[4]);
    if (n < 12 || inode != st.st_ino) continue;
    union name own = name_of(s), peer;
    memset(&peer, 0, sizeof peer);
    socklen_t length = sizeof peer;
    getpeername(s, &peer.any, &length);
    say("%s: %.*s port %s, %.*s port %s, state %s, queues %s, retransmits %s, uid %d, timeout %d, %d fields",
        what, (int)strcspn(local, ":"), local, port_in(local) == port_of(&own) ? "its own" : "another",
        (int)strcspn(remote, ":"), remote,
        port_in(remote) == (n ? port_of(&peer) : 0) ? "its peer's" : "another", state, queues, retransmits,
        uid, timeout, n);
    return;
  }
  say("%s: none", what);
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  int new = tcp();
  line_of("new", new);
  union name any = loopback(0);
  bind(new, &any.any, size_of());
  line_of("bound", new);
  close(new);
  long active = net_counter("snmp", "Tcp:", "ActiveOpens"),
       passive = net_counter("snmp", "Tcp:", "PassiveOpens"),
       segments = net_counter("snmp", "Tcp:", "OutSegs"),
       waits = net_counter("netstat", "TcpExt:", "ListenOverflows");
  join();
  line_of("listener", listener);
  line_of("client", client);
  line_of("server", server);
  send(client, "hello", 5, 0);
  ready_for(server, POLLIN);
  line_of("something to read", server);
  union name n = name_of(listener);
  int more = tcp();
  connect(more, &n.any, size_of());
  ready_for(listener, POLLIN);
  line_of("one to accept", listener);
  shutdown(client, SHUT_WR);
  ready_for(server, POLLRDHUP);
  line_of("half closed", server);
  yes_no("opened", net_counter("snmp", "Tcp:", "ActiveOpens") >= active + 2);
  yes_no("accepted", net_counter("snmp", "Tcp:", "PassiveOpens") >= passive + 2);
  yes_no("sent", net_counter("snmp", "Tcp:", "OutSegs") >= segments + 5);
  yes_no("counted", waits >= 0);
  read_net(family == AF_INET ? "sockstat" : "sockstat6");
  char *used = strstr(net_text, family == AF_INET ? "TCP: inuse " : "TCP6: inuse ");
  yes_no("in use", used && atoi(strstr(used, "inuse ") + 6) >= 4);
  return 0;
}
