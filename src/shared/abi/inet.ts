// AF_INET and AF_INET6: ip(7), ipv6(7), udp(7), raw(7), icmp(7).

/** struct sockaddr_in, sockaddr_in6, and the least of the latter that is taken (RFC 2133). */
export const SOCKADDR_IN_SIZE = 16;
export const SOCKADDR_IN6_SIZE = 28;
export const SOCKADDR_IN6_MIN = 24;

// Levels beside those in socket.ts
export const IPPROTO_UDPLITE = 136;
export const SOL_RAW = 255;

/** Of protocols that sockets may ask for: more than a packet can tell. */
export const IPPROTO_MAX = 263;

// Options of IPPROTO_IP
export const IP_TOS = 1;
export const IP_TTL = 2;
export const IP_HDRINCL = 3;
export const IP_OPTIONS = 4;
export const IP_ROUTER_ALERT = 5;
export const IP_RECVOPTS = 6;
export const IP_RETOPTS = 7;
export const IP_PKTINFO = 8;
export const IP_PKTOPTIONS = 9;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVERR = 11;
export const IP_RECVTTL = 12;
export const IP_RECVTOS = 13;
export const IP_MTU = 14;
export const IP_FREEBIND = 15;
export const IP_PASSSEC = 18;
export const IP_TRANSPARENT = 19;
export const IP_ORIGDSTADDR = 20;
export const IP_MINTTL = 21;
export const IP_NODEFRAG = 22;
export const IP_CHECKSUM = 23;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IP_RECVFRAGSIZE = 25;
export const IP_RECVERR_RFC4884 = 26;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_DROP_MEMBERSHIP = 36;
export const IP_UNBLOCK_SOURCE = 37;
export const IP_BLOCK_SOURCE = 38;
export const IP_ADD_SOURCE_MEMBERSHIP = 39;
export const IP_DROP_SOURCE_MEMBERSHIP = 40;
export const IP_MSFILTER = 41;
export const MCAST_JOIN_GROUP = 42;
export const MCAST_BLOCK_SOURCE = 43;
export const MCAST_UNBLOCK_SOURCE = 44;
export const MCAST_LEAVE_GROUP = 45;
export const MCAST_JOIN_SOURCE_GROUP = 46;
export const MCAST_LEAVE_SOURCE_GROUP = 47;
export const MCAST_MSFILTER = 48;
export const IP_MULTICAST_ALL = 49;
export const IP_UNICAST_IF = 50;
export const IP_LOCAL_PORT_RANGE = 51;
export const IP_PROTOCOL = 52;

/** IP_MTU_DISCOVER's values end with IP_PMTUDISC_OMIT. */
export const IP_PMTUDISC_OMIT = 5;

// Options of IPPROTO_IPV6
export const IPV6_ADDRFORM = 1;
export const IPV6_2292PKTINFO = 2;
export const IPV6_2292HOPOPTS = 3;
export const IPV6_2292DSTOPTS = 4;
export const IPV6_2292RTHDR = 5;
export const IPV6_CHECKSUM = 7;
export const IPV6_2292HOPLIMIT = 8;
export const IPV6_FLOWINFO = 11;
export const IPV6_UNICAST_HOPS = 16;
export const IPV6_MULTICAST_IF = 17;
export const IPV6_MULTICAST_HOPS = 18;
export const IPV6_MULTICAST_LOOP = 19;
export const IPV6_ADD_MEMBERSHIP = 20;
export const IPV6_DROP_MEMBERSHIP = 21;
export const IPV6_ROUTER_ALERT = 22;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_MTU = 24;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const IPV6_MULTICAST_ALL = 29;
export const IPV6_ROUTER_ALERT_ISOLATE = 30;
export const IPV6_RECVERR_RFC4884 = 31;
export const IPV6_FLOWLABEL_MGR = 32;
export const IPV6_FLOWINFO_SEND = 33;
export const IPV6_HDRINCL = 36;
export const IPV6_MSFILTER = 48;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_RECVHOPLIMIT = 51;
export const IPV6_HOPLIMIT = 52;
export const IPV6_RECVHOPOPTS = 53;
export const IPV6_HOPOPTS = 54;
export const IPV6_RTHDRDSTOPTS = 55;
export const IPV6_RECVRTHDR = 56;
export const IPV6_RTHDR = 57;
export const IPV6_RECVDSTOPTS = 58;
export const IPV6_DSTOPTS = 59;
export const IPV6_RECVPATHMTU = 60;
export const IPV6_PATHMTU = 61;
export const IPV6_DONTFRAG = 62;
export const IPV6_RECVTCLASS = 66;
export const IPV6_TCLASS = 67;
export const IPV6_AUTOFLOWLABEL = 70;
export const IPV6_ADDR_PREFERENCES = 72;
export const IPV6_MINHOPCOUNT = 73;
export const IPV6_ORIGDSTADDR = 74;
export const IPV6_TRANSPARENT = 75;
export const IPV6_UNICAST_IF = 76;
export const IPV6_RECVFRAGSIZE = 77;
export const IPV6_FREEBIND = 78;

export const IPV6_MIN_MTU = 1280;
/** IPV6_ADDR_PREFERENCES as they are without any. */
export const IPV6_PREFER_DEFAULT = 0x500;

// Options of IPPROTO_UDP
export const UDP_CORK = 1;
export const UDP_ENCAP = 100;
export const UDP_NO_CHECK6_TX = 101;
export const UDP_NO_CHECK6_RX = 102;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
/** UDP_MAX_SEGMENTS */
export const UDP_SEGMENTS_MAX = 128;

// Of raw sockets
export const ICMP_FILTER = 1;
export const ICMPV6_FILTER = 1;
/** struct icmp6_filter */
export const ICMPV6_FILTER_SIZE = 32;

/** struct in_pktinfo, in6_pktinfo; ip_mreq, ip_mreqn, ipv6_mreq; group_req. */
export const IN_PKTINFO_SIZE = 12;
export const IN6_PKTINFO_SIZE = 20;
export const IP_MREQ_SIZE = 8;
export const IP_MREQN_SIZE = 12;
export const IPV6_MREQ_SIZE = 20;
export const GROUP_REQ_SIZE = 136;
export const IP_MREQ_SOURCE_SIZE = 12;
export const GROUP_SOURCE_REQ_SIZE = 264;
export const SOCKADDR_STORAGE_SIZE = 128;
/** In struct group_source_req and group_filter. */
export const GROUP_AT = 8;
export const SOURCE_AT = 136;
/** struct ip_msfilter and group_filter, without sources. */
export const IP_MSFILTER_HEAD = 16;
export const GROUP_FILTER_HEAD = 144;
/** struct sock_extended_err */
export const SOCK_EXTENDED_ERR_SIZE = 16;

// Identifiers of getsockopt that tell a path's MTU: struct ip6_mtuinfo
export const IP6_MTUINFO_SIZE = 32;
