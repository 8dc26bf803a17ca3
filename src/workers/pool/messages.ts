// What kernel threads say to each other: records of a mailbox (ring/mailbox.ts), whose first word is the kind, and the
// others as named here. Both ends are the kernel's own: nothing here is hostile.

/** What a record says. */
export const Message = {
  // From thread 0 to the thread that owns a socket.
  /**
   * Serve a call: its slot has been passed. SLOT to CALL_TABLE. Who has made it may post the next ones, on the same
   * descriptor, at once.
   */
  CALL: 1,
  /** The arguments of the next call in that slot, which were judged: what stands in the slot may be others. SLOT, ARGUMENTS. */
  JUDGED: 30,
  /** A call that is waiting for something waits no more. SLOT, SEQUENCE. */
  CANCEL: 2,
  /** Who makes a call has ended, and the slot was closed. SLOT, SEQUENCE. */
  CLOSED: 3,
  /** Make a socket of this number. SOCKET, FAMILY, TYPE, PROTOCOL, EUID, EGID, INODE, NETWORK. */
  CREATE: 4,
  /** Give the next connection of a listening socket the number of a new one. SOCKET, LISTENER, ACCEPTED_INODE. */
  ACCEPT: 13,
  /** The last descriptor of a socket is gone. SOCKET. */
  RELEASE: 5,
  /** Tell when something comes; if it has come already since these counts were read, now. SOCKET, COUNTS. */
  SUBSCRIBE: 6,

  /** A descriptor names another thing now, or nothing. TABLE, DESCRIPTOR. */
  FORGET_DESCRIPTOR: 14,
  /** A socket has other O_* flags. SOCKET, STATUS. */
  STATUS: 16,
  /** A setting of /proc/sys/net has other values. SETTING, SETTING_NETWORK, as many VALUES as it has. */
  SETTING: 17,
  /** Tell what stands in a text (net/files/texts.ts) from a line on. TEXT_ASKED, TEXT, FROM, TEXT_NETWORK, TEXT_USERS. */
  TEXT: 18,
  /** Give a descriptor of the memory that a socket's frames stand in. RING_ASKED, RING_SOCKET. */
  RING: 21,
  /**
   * Read a socket into the window of a slot, which stays thread 0's, or write it from there, without waiting. SLOT to
   * MOVE_IS_WRITE.
   */
  MOVE: 23,
  /** There is a network namespace of that number, of a user namespace; nobody is in it any more. NETWORK, NETWORK_USERS. */
  NETWORK_MADE: 26,
  NETWORK_GONE: 27,
  /** That one: ASKED, FOUND (its number, or a negative errno). */
  THAT_NETWORK: 29,
  /** Guests have made a user namespace; nobody is in it any more. USERS, USERS_PARENT, USERS_UID, USERS_GID. */
  USERS_MADE: 32,
  USERS_GONE: 33,
  /** A line of its map of users, and how many follow: USERS, MAP_FIRST, MAP_KERNEL, MAP_COUNT, MAP_LEFT. */
  USERS_MAPPED: 34,
  /** Who calls by the next CALL or MOVE is in that one: USERS. */
  CALLER_USERS: 35,
  /** What is known of a task holds no more. SLOT. */
  FORGET_TASK: 15,

  // From there to thread 0.
  /** A call is over, and thread 0 is to finish it: its slot has been passed. SLOT to MOVED_PIECES. */
  RESULT: 7,
  /** A request that is thread 0's to serve: its slot has been passed. SLOT, REQUEST, NR. */
  REQUEST: 8,
  /** A call has been answered while attention was raised: kick its guest. SLOT, SEQUENCE. */
  KICK: 9,
  /**
   * A socket was made, or not: SOCKET, ERROR (0 or a negative errno). Of a connection with PEER; where there is none
   * (EAGAIN), how long a call waits for one: TIMEOUT.
   */
  CREATED: 10,
  /** What was subscribed to: SOCKET, EVENTS. */
  READY: 11,
  /** A piece of a text: TEXT_ASKED, TEXT_LENGTH, as many bytes, at most TEXT_MAX. */
  TEXT_PIECE: 19,
  /** It was all that was asked for; the rest begins at a line, or nowhere (-1). TEXT_ASKED, FROM. */
  TEXT_END: 20,
  /** The descriptor, or a negative errno, and how large the memory is: RING_ASKED, RING_FD, RING_SIZE. */
  RING_GIVEN: 22,
  /** The memory that was given last is the socket's no more: SOCKET. */
  RING_GONE: 25,
  /** That was done: MOVED_ASKED, MOVE_RESULT (bytes, or a negative errno). */
  MOVED: 24,
  /** Who makes a call has broken the protocol, or its handler threw. SLOT, SEQUENCE. */
  HOSTILE: 12,
  /** The position of a file that is lent is free, which thread 0 has waited for. RECORD. */
  POSITION_FREE: 31,
  /** Which network namespace does a task name? SLOT, ASKED, NAMING_TID, NAMED_BY, NAME. */
  WHICH_NETWORK: 28,
} as const;

export const KIND = 0;

// Of a slot.
export const SLOT = 1;
export const SEQUENCE = 2;
export const NR = 3;
/** Of a call: the number of the socket that its descriptor names, and the O_* flags of that descriptor. */
export const CALL_SOCKET = 4;
/** In its place: of none, since the call is about the interfaces of that network namespace. */
export function ofNetwork(number: number): number {
  return -1 - number;
}
export const CALL_STATUS = 5;
/** Of who calls. */
export const FIRST_TID = 6;
export const PID = 7;
export const CALLER_EUID = 8;
export const CALLER_EGID = 9;
export const CAPABILITIES_LOW = 10;
export const CAPABILITIES_HIGH = 11;
/**
 * The number of its descriptor table, and which descriptor of it names the socket; negative: calls on it are not posted
 * by stubs.
 */
export const CALL_TABLE = 12;
export const CALL_DESCRIPTOR = 13;
/** Of who calls. */
export const FIRST_PID = 14;
/** Six, each its two halves. */
export const ARGUMENTS = 2;

// Of a question for a network namespace, and of its answer.
export const ASKED = 2;
export const NAMING_TID = 3;
export const NAMED_BY = 4;
export const NAME = 5;
export const FOUND = 3;

// Of a setting: its number (sysctls.ts).
export const SETTING = 1;
export const SETTING_NETWORK = 2;
export const VALUES = 3;

// Of a file that is lent: its record (ring/open_records.ts).
export const RECORD = 1;

// Of a descriptor.
export const TABLE = 1;
export const DESCRIPTOR = 2;
/** Of a result: its two halves, and a signal that goes with it, or 0. */
export const RESULT_LOW = 4;
export const RESULT_HIGH = 5;
export const SIGNAL = 6;
/** Out pieces that have gone to the guest. */
export const MOVED_PIECES = 7;
/** Of a request: its word. */
export const REQUEST = 2;

// Of a socket.
export const SOCKET = 1;
export const FAMILY = 2;
export const TYPE = 3;
export const PROTOCOL = 4;
export const EUID = 5;
export const EGID = 6;
/** The number of its inode, which thread 0 has. */
export const INODE = 7;
/** The number of the network namespace that it is in. */
export const NETWORK = 8;
/** The user namespace that a network namespace belongs to. */
export const NETWORK_USERS = 2;
export const LISTENER = 2;
export const ACCEPTED_INODE = 3;
export const STATUS = 2;
export const ERROR = 2;
/** Milliseconds; negative: for ever. */
export const TIMEOUT = 3;
/** Its length, and as many bytes, at most PEER_MAX. */
export const PEER_LENGTH = 3;
export const PEER = 4;
export const PEER_MAX = 40;
export const EVENTS = 2;
export const COUNTS = 2;

// Of a user namespace: its number (0: that of the guests).
export const USERS = 1;
export const USERS_PARENT = 2;
export const USERS_UID = 3;
export const USERS_GID = 4;
export const MAP_FIRST = 2;
export const MAP_KERNEL = 3;
export const MAP_COUNT = 4;
export const MAP_LEFT = 5;

// Of a text: which question it is, and which file.
export const TEXT_ASKED = 1;
export const TEXT = 2;
export const FROM = 3;
export const TEXT_NETWORK = 4;
/** The user namespace of who reads it; NOBODY: one that is gone. */
export const TEXT_USERS = 5;
export const NOBODY = -1;
export const TEXT_LENGTH = 2;
export const TEXT_BYTES = 3;
export const TEXT_MAX = 48;

// Of memory that a socket shares: which question it is.
export const RING_ASKED = 1;
export const RING_SOCKET = 2;
export const RING_FD = 2;
export const RING_SIZE = 3;

// Of bytes that a socket is read into, or written from: where they stand, and which question it is. With SLOT, CALL_SOCKET,
// and who calls: TID to CAPABILITIES_HIGH.
export const MOVE_ASKED = 2;
export const MOVE_OFFSET = 3;
export const MOVE_LENGTH = 5;
export const MOVE_IS_WRITE = 12;
/** Of the answer. */
export const MOVED_ASKED = 1;
export const MOVE_RESULT = 2;
