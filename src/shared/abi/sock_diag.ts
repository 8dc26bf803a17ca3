// Netlink's protocol about sockets: sock_diag(7), linux/sock_diag.h, linux/inet_diag.h.

export const NETLINK_SOCK_DIAG = 4;

// Message types
export const TCPDIAG_GETSOCK = 18;
export const DCCPDIAG_GETSOCK = 19;
export const SOCK_DIAG_BY_FAMILY = 20;
export const SOCK_DESTROY = 21;

/** Groups: SKNLGRP_INET_TCP_DESTROY and its relatives. */
export const SKNLGRP_MAX = 4;

/** struct inet_diag_sockid, and where its parts stand in it. */
export const SOCKID_SIZE = 48;
/** struct inet_diag_req_v2, struct inet_diag_req, struct inet_diag_msg */
export const REQUEST_SIZE = 56;
export const OLD_REQUEST_SIZE = 60;
export const MESSAGE_SIZE = 72;

/** Attributes of requests */
export const INET_DIAG_REQ_BYTECODE = 1;
export const INET_DIAG_REQ_PROTOCOL = 3;

/** Attributes of answers; each is asked for by the bit of its number less 1. */
export const INET_DIAG_MEMINFO = 1;
export const INET_DIAG_INFO = 2;
export const INET_DIAG_CONG = 4;
export const INET_DIAG_TOS = 5;
export const INET_DIAG_TCLASS = 6;
export const INET_DIAG_SKMEMINFO = 7;
export const INET_DIAG_SHUTDOWN = 8;
export const INET_DIAG_PROTOCOL = 10;
export const INET_DIAG_SKV6ONLY = 11;
export const INET_DIAG_MARK = 15;
export const INET_DIAG_CLASS_ID = 17;
export const INET_DIAG_CGROUP_ID = 21;
export const INET_DIAG_SOCKOPT = 22;

/** Operations of filters */
export const INET_DIAG_BC_NOP = 0;
export const INET_DIAG_BC_JMP = 1;
export const INET_DIAG_BC_S_GE = 2;
export const INET_DIAG_BC_S_LE = 3;
export const INET_DIAG_BC_D_GE = 4;
export const INET_DIAG_BC_D_LE = 5;
export const INET_DIAG_BC_AUTO = 6;
export const INET_DIAG_BC_S_COND = 7;
export const INET_DIAG_BC_D_COND = 8;
export const INET_DIAG_BC_DEV_COND = 9;
export const INET_DIAG_BC_MARK_COND = 10;
export const INET_DIAG_BC_S_EQ = 11;
export const INET_DIAG_BC_D_EQ = 12;
export const INET_DIAG_BC_CGROUP_COND = 13;
