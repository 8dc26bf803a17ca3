// ICMP messages of both families (RFC 792, RFC 4443): an eight byte header and what follows.

export const HEADER = 8;
export const TYPE = 0;
export const CODE = 1;
export const CHECKSUM = 2;
/** Of an echo. */
export const ID = 4;
export const SEQUENCE = 6;
/** Of an error: the MTU in IPv6, a pointer; in IPv4 the MTU is its lower half. */
export const INFO = 4;
export const NEXT_MTU = 6;

// Types and codes of ICMP
export const ECHO_REPLY = 0;
export const DESTINATION_UNREACHABLE = 3;
export const SOURCE_QUENCH = 4;
export const REDIRECT = 5;
export const ECHO = 8;
export const TIME_EXCEEDED = 11;
export const PARAMETER_PROBLEM = 12;
export const TYPE_MAX = 18;
export const NET_UNREACHABLE = 0;
export const HOST_UNREACHABLE = 1;
export const PROTOCOL_UNREACHABLE = 2;
export const PORT_UNREACHABLE = 3;
export const FRAGMENTATION_NEEDED = 4;
export const HOPS_EXCEEDED = 0;
export const REASSEMBLY_TIME = 1;

// Of ICMPv6
export const UNREACHABLE6 = 1;
export const PACKET_TOO_BIG = 2;
export const TIME_EXCEEDED6 = 3;
export const PARAMETER_PROBLEM6 = 4;
export const ECHO6 = 128;
export const ECHO_REPLY6 = 129;
export const LISTENER_QUERY = 130;
export const LISTENER_REPORT = 131;
export const ROUTER_SOLICITATION = 133;
export const ROUTER_ADVERTISEMENT = 134;
export const NEIGHBOUR_SOLICITATION = 135;
export const NEIGHBOUR_ADVERTISEMENT = 136;
export const REDIRECT6 = 137;
export const NO_ROUTE6 = 0;
export const PORT_UNREACHABLE6 = 4;
export const BAD_FIELD6 = 0;
export const UNKNOWN_HEADER6 = 1;
export const UNKNOWN_OPTION6 = 2;
/** Types below are errors. */
export const INFORMATIONAL6 = 128;
