// TCP_INFO: what was agreed upon, and what was counted.
//@ needs: tcp tcp-details
//@ args: 4
//@ args: 6
#include "tcp.h"

// The kernel's struct goes on behind glibc's.
struct whole_info {
  struct tcp_info known;
  uint64_t more[24];
};

static void show(const char *what, int fd) {
  struct whole_info w;
  memset(&w, 0, sizeof w);
  socklen_t length = sizeof w;
  long result = SYS_5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &w, &length);
  struct tcp_info *i = &w.known;
  say("%s: %ld, %s", what, result, length >= 232 ? "at least 232 bytes" : "less");
  say("  state %d ca %d retransmits %d probes %d backoff %d options %x scale %d %d", i->tcpi_state,
      i->tcpi_ca_state, i->tcpi_retransmits, i->tcpi_probes, i->tcpi_backoff, i->tcpi_options,
      i->tcpi_snd_wscale, i->tcpi_rcv_wscale);
  say("  rto in reason %d, ato %d, mss %u %u, pmtu %u, advmss %u",
      i->tcpi_rto >= 200000 && i->tcpi_rto <= 3000000, i->tcpi_ato <= 200000, i->tcpi_snd_mss,
      i->tcpi_rcv_mss, i->tcpi_pmtu, i->tcpi_advmss);
  // How much is reordered a host remembers of its peers (tcp_metrics).
  say("  unacked %u lost %u retrans %u fackets %u cwnd %u total %u", i->tcpi_unacked, i->tcpi_lost,
      i->tcpi_retrans, i->tcpi_fackets, i->tcpi_snd_cwnd, i->tcpi_total_retrans);
}

static uint64_t counted(int fd, int index) {
  struct whole_info w;
  memset(&w, 0, sizeof w);
  socklen_t length = sizeof w;
  SYS_5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &w, &length);
  // From tcpi_pacing_rate on: 8 bytes each.
  return ((uint64_t *)((char *)&w + 104))[index];
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  int fd = tcp();
  show("new", fd);
  close(fd);
  join();
  show("client", client);
  show("server", server);
  show("listener", listener);
  give("data", client, "0123456789", 0);
  char c[20];
  recv(server, c, 20, 0);
  give("back", server, "01234", 0);
  recv(client, c, 20, 0);
  say("acked %ld %ld, received %ld %ld", (long)counted(client, 2), (long)counted(server, 2),
      (long)counted(client, 3), (long)counted(server, 3));
  struct tcp_info i;
  for (socklen_t size = 0; size <= 104; size += 52) {
    memset(&i, 0x55, sizeof i);
    socklen_t length = size;
    value("short", SYS_5(SYS_getsockopt, client, IPPROTO_TCP, TCP_INFO, &i, &length));
    say("length %d, state %x, %x", length, i.tcpi_state, i.tcpi_rtt == 0x55555555);
  }
  value("set", SYS_5(SYS_setsockopt, client, IPPROTO_TCP, TCP_INFO, &i, sizeof i));
  return 0;
}
