// The bounds of everything in the stack that a peer or a program can make grow, with the name of Linux's own. What
// comes when a bound is reached is refused and counted.

/** Packets that came in and were not looked at yet: net.core.netdev_max_backlog. */
export const BACKLOG_MAX = 1000;
/** The same over loopback, where Linux looks at each before the next is sent; half of all small buffers. */
export const LOOPBACK_BACKLOG_MAX = 8192;

/** Buffers of packets in being, of each of the two sizes: 32 MiB of small ones, 33 MiB of large ones. */
export const SMALL_PACKETS_MAX = 16384;
export const LARGE_PACKETS_MAX = 512;

/** Rows of all routing tables of a family (net.ipv6.route.max_size is 4096 there; IPv4's are bounded by memory). */
export const ROUTES_MAX = 16384;
/** Rules of a family; each lookup may walk them all. */
export const RULES_MAX = 1024;

/** Bytes of buffers that fragments of a family may hold: net.ipv4.ipfrag_high_thresh, net.ipv6.ip6frag_high_thresh. */
export const FRAGMENT_BYTES_MAX = 4 << 20;
/** Datagrams of a family that wait for fragments; each has a map of what has come (Linux: by memory alone). */
export const REASSEMBLIES_MAX = 1024;
/** net.ipv4.ipfrag_time, net.ipv6.ip6frag_time, in µs. */
export const FRAGMENT_TIME4_US = 30_000_000;
export const FRAGMENT_TIME6_US = 60_000_000;

/** Destinations whose path MTU is remembered, and for how long: net.ipv4.route.mtu_expires (and ipv6's), in µs. */
export const PATH_MTUS_MAX = 4096;
export const PATH_MTU_TIME_US = 600_000_000;
/** net.ipv4.route.min_pmtu, and IPV6_MIN_MTU. */
export const PATH_MTU_MIN4 = 552;
export const PATH_MTU_MIN6 = 1280;

/** net.ipv4.icmp_msgs_per_sec and icmp_msgs_burst. */
export const ICMP_MESSAGES_PER_S = 1000;
export const ICMP_MESSAGES_BURST = 50;
/** net.ipv4.icmp_ratelimit and net.ipv6.icmp.ratelimit: µs between messages to one peer, and XRLIM_BURST_FACTOR. */
export const ICMP_PEER_TIME_US = 1_000_000;
export const ICMP_PEER_BURST = 6;
/** Peers that are told apart; two that share a place share its messages (Linux: inet_peer, by memory). */
export const ICMP_PEERS = 256;

/** Extension headers of one packet that are looked at (Linux: as many as fit). */
export const EXTENSION_HEADERS_MAX = 16;
/** Options of one of them: IP6_DEFAULT_MAX_HBH_OPTS_CNT and IP6_DEFAULT_MAX_DST_OPTS_CNT. */
export const EXTENSION_OPTIONS_MAX = 8;

/** Endpoints in being (Linux: by descriptors and memory). */
export const ENDPOINTS_MAX = 1 << 18;
/** Of the buffers of each size, so many hundredths may be in receive queues: net.ipv4.udp_mem[2]. */
export const UDP_SHARE = 75;
/** ... and so many may wait in all, with those that wait for neighbours and for the rest of datagrams. */
export const WAITING_SHARE = 85;
/** Groups of one endpoint: net.ipv4.igmp_max_memberships; in IPv6, about as many as net.core.optmem_max has room for. */
export const MEMBERSHIPS_MAX4 = 20;
export const MEMBERSHIPS_MAX6 = 2048;
/** Errors that wait in an endpoint's error queue (Linux: by sk_rcvbuf). */
export const ERROR_QUEUE_MAX = 64;
/** Kinds of users of one port that a bind looks at; where there are more, the port is taken (Linux: it looks at all users). */
export const PORT_KINDS_MAX = 4096;
/** Endpoints that get a copy of one packet to a group, a broadcast address or raw endpoints, and that are looked at for
 * that; for the others it is dropped (Linux: all get one). */
export const COPIES_MAX = 1024;
export const COPIED_BYTES_MAX = 8 << 20;
export const COPIES_LOOKED_AT_MAX = 16384;
/** Sockets of one SO_REUSEPORT group that are chosen from (Linux: 65535). */
export const REUSEPORT_GROUP_MAX = 65535;

/** net.core.rmem_default, wmem_default. */
export const BUFFER_DEFAULT = 212992;
/** net.ipv4.ip_default_ttl, net.ipv6.conf.default.hop_limit. */
export const HOP_LIMIT_DEFAULT = 64;

/** Neighbours of a family that nobody has set: net.ipv4.neigh.default.gc_thresh1, gc_thresh2 and gc_thresh3. */
export const NEIGHBOURS_KEPT = 128;
export const NEIGHBOURS_WANTED = 512;
export const NEIGHBOURS_MAX = 1024;
/** Of one neighbour: net.ipv4.neigh.default.unres_qlen_bytes; and packets of all of a family (Linux: by memory). */
export const NEIGHBOUR_PENDING_BYTES = 212992;
export const NEIGHBOUR_PENDING_MAX = 128;
/** base_reachable_time_ms, retrans_time_ms, delay_first_probe_time, gc_stale_time of a neighbour, in µs. */
export const NEIGHBOUR_REACHABLE_US = 30_000_000;
export const NEIGHBOUR_RETRANSMIT_US = 1_000_000;
export const NEIGHBOUR_DELAY_US = 5_000_000;
export const NEIGHBOUR_STALE_US = 60_000_000;
/** How often the time for which one is believed is chosen, and neighbours beyond gc_thresh2 are thrown out. */
export const NEIGHBOUR_REACHABLE_CHOSEN_US = 300_000_000;
export const NEIGHBOUR_FLUSH_US = 5_000_000;
/** ucast_solicit and mcast_solicit. */
export const NEIGHBOUR_UNICAST_PROBES = 3;
export const NEIGHBOUR_MULTICAST_PROBES = 3;
/** net.ipv4.neigh.default.locktime, in µs; IPv6 has none. */
export const ARP_LOCK_US = 1_000_000;

/** net.ipv6.conf.default.dad_transmits, max_addresses. */
export const DAD_TRANSMITS = 1;
export const LEARNED_ADDRESSES_MAX = 16;
/** Prefixes and routers of one device that advertisements tell of (Linux: by ip6's route bounds). */
export const LEARNED_ROUTES_MAX = 64;
/** router_solicitation_delay, router_solicitation_interval, router_solicitation_max_interval, in µs. */
export const ROUTER_ASK_DELAY_US = 1_000_000;
export const ROUTER_ASK_US = 4_000_000;
export const ROUTER_ASK_MAX_US = 3_600_000_000;

/** Destinations for which a router named a better one, and for how long: net.ipv4.route.gc_timeout, in µs. */
export const REDIRECTS_MAX = 256;
export const REDIRECT_TIME_US = 300_000_000;

/** Reports of one device's groups that one turn sends; the robustness of IGMP and MLD (RFC 3376 8.1), and times in µs. */
export const REPORTS_A_TURN = 8;
export const GROUP_ROBUSTNESS = 2;
export const GROUP_UNSOLICITED_US = 1_000_000;
export const GROUP_UNSOLICITED_OLD_US = 10_000_000;
/** How long after a query of an older version that one is spoken (RFC 3376 8.12). */
export const GROUP_OLD_VERSION_US = 260_000_000;

/** Segments that one packet may stand for (UDP_MAX_SEGMENTS is 128; of TCP as many as 64 bytes each make). */
export const SEGMENTS_MAX = 1024;

/** Bytes that all TCP connections may have waiting to be sent, acknowledged and read: net.ipv4.tcp_mem[2]. */
export const TCP_MEMORY_MAX = 256 << 20;
/** Packets under way of one connection: what events cost that look at all of them is bounded (Linux: by sk_sndbuf). */
export const PACKETS_OUT_MAX = 16384;
/**
 * The window of one connection (Linux: 1 GiB): a hole as large takes as long to be noted, and is memory too. It begins
 * anywhere in a block, of which there are a power of two.
 */
export const RECEIVE_WINDOW_MAX = (64 << 20) - 4096;

/** Flows that are tracked: net.netfilter.nf_conntrack_max. */
export const CONNTRACK_MAX = 65536;
/** Places of its table: net.netfilter.nf_conntrack_buckets. */
export const CONNTRACK_BUCKETS = 65536;
/** Tries to find a port for a flow that is translated (nf_nat_l4proto_unique_tuple). */
export const NAT_TRIES = 128;
/** Bytes of one table of rules of iptables, and rules that are looked at for a packet at one hook (Linux: no bound). */
export const RULES_BYTES_MAX = 4 << 20;
export const RULES_A_PACKET = 16384;
/** Work beyond that of usual packets, in packets' worth, with which a turn sends no more segments. */
export const EXTRA_WORK_MAX = 2048;
/** ... and such with which it does not look at what came back over loopback: what was sent has cost half a turn. */
export const EXTRA_WORK_OF_SENDER = 256;
/** Tables of nf_tables (Linux: no bound). */
export const TABLES_MAX = 4096;
/** Chains and sets of one table of nf_tables, of each (Linux: no bound). */
export const TABLE_ENTRIES_MAX = 65536;
/** Base chains of nf_tables at one hook of a family: MAX_HOOK_COUNT. */
export const HOOK_CHAINS_MAX = 1024;
/** Elements of one set of nf_tables (Linux: by what it was made with, and memory). */
export const SET_ELEMENTS_MAX = 65536;
