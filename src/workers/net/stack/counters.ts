// What is counted, as /proc/net/snmp, /proc/net/snmp6 and /proc/net/netstat name it (RFC 4293, RFC 4113). The order of
// the fields is that of the rows there.

export class IpCounters {
  InReceives = 0;
  InHdrErrors = 0;
  InAddrErrors = 0;
  ForwDatagrams = 0;
  InUnknownProtos = 0;
  InDiscards = 0;
  InDelivers = 0;
  OutRequests = 0;
  OutDiscards = 0;
  OutNoRoutes = 0;
  ReasmTimeout = 0;
  ReasmReqds = 0;
  ReasmOKs = 0;
  ReasmFails = 0;
  FragOKs = 0;
  FragFails = 0;
  FragCreates = 0;
  OutTransmits = 0;
}

/** Row IpExt of /proc/net/netstat, as far as the stack tells it. */
export class IpExtCounters {
  InNoRoutes = 0;
  InTruncatedPkts = 0;
  InMcastPkts = 0;
  OutMcastPkts = 0;
  InBcastPkts = 0;
  OutBcastPkts = 0;
  InOctets = 0;
  OutOctets = 0;
  InCsumErrors = 0;
}

export class Ip6Counters {
  InReceives = 0;
  InHdrErrors = 0;
  InTooBigErrors = 0;
  InNoRoutes = 0;
  InAddrErrors = 0;
  InUnknownProtos = 0;
  InTruncatedPkts = 0;
  InDiscards = 0;
  InDelivers = 0;
  OutForwDatagrams = 0;
  OutRequests = 0;
  OutDiscards = 0;
  OutNoRoutes = 0;
  ReasmTimeout = 0;
  ReasmReqds = 0;
  ReasmOKs = 0;
  ReasmFails = 0;
  FragOKs = 0;
  FragFails = 0;
  FragCreates = 0;
  InMcastPkts = 0;
  OutMcastPkts = 0;
  InOctets = 0;
  OutOctets = 0;
  InMcastOctets = 0;
  OutMcastOctets = 0;
  OutTransmits = 0;
}

export class IcmpCounters {
  InMsgs = 0;
  InErrors = 0;
  InCsumErrors = 0;
  OutMsgs = 0;
  OutErrors = 0;
  OutRateLimitGlobal = 0;
  OutRateLimitHost = 0;
  /** By type: InDestUnreachs and its like, and row IcmpMsg. */
  readonly inTypes = new Float64Array(256);
  readonly outTypes = new Float64Array(256);
}

export class UdpCounters {
  InDatagrams = 0;
  NoPorts = 0;
  InErrors = 0;
  OutDatagrams = 0;
  RcvbufErrors = 0;
  SndbufErrors = 0;
  InCsumErrors = 0;
  IgnoredMulti = 0;
  MemErrors = 0;
}

/** Row Tcp of /proc/net/snmp: the first four are constants, CurrEstab is a gauge. */
export class TcpCounters {
  readonly RtoAlgorithm = 1;
  readonly RtoMin = 200;
  readonly RtoMax = 120000;
  readonly MaxConn = -1;
  ActiveOpens = 0;
  PassiveOpens = 0;
  AttemptFails = 0;
  EstabResets = 0;
  CurrEstab = 0;
  InSegs = 0;
  OutSegs = 0;
  RetransSegs = 0;
  InErrs = 0;
  OutRsts = 0;
  InCsumErrors = 0;
}

/** Row TcpExt of /proc/net/netstat. */
export class TcpExtCounters {
  SyncookiesSent = 0;
  SyncookiesRecv = 0;
  SyncookiesFailed = 0;
  EmbryonicRsts = 0;
  PruneCalled = 0;
  RcvPruned = 0;
  OfoPruned = 0;
  OutOfWindowIcmps = 0;
  LockDroppedIcmps = 0;
  ArpFilter = 0;
  TW = 0;
  TWRecycled = 0;
  TWKilled = 0;
  PAWSActive = 0;
  PAWSEstab = 0;
  BeyondWindow = 0;
  TSEcrRejected = 0;
  PAWSOldAck = 0;
  PAWSTimewait = 0;
  DelayedACKs = 0;
  DelayedACKLocked = 0;
  DelayedACKLost = 0;
  ListenOverflows = 0;
  ListenDrops = 0;
  TCPHPHits = 0;
  TCPPureAcks = 0;
  TCPHPAcks = 0;
  TCPRenoRecovery = 0;
  TCPSackRecovery = 0;
  TCPSACKReneging = 0;
  TCPSACKReorder = 0;
  TCPRenoReorder = 0;
  TCPTSReorder = 0;
  TCPFullUndo = 0;
  TCPPartialUndo = 0;
  TCPDSACKUndo = 0;
  TCPLossUndo = 0;
  TCPLostRetransmit = 0;
  TCPRenoFailures = 0;
  TCPSackFailures = 0;
  TCPLossFailures = 0;
  TCPFastRetrans = 0;
  TCPSlowStartRetrans = 0;
  TCPTimeouts = 0;
  TCPLossProbes = 0;
  TCPLossProbeRecovery = 0;
  TCPRenoRecoveryFail = 0;
  TCPSackRecoveryFail = 0;
  TCPRcvCollapsed = 0;
  TCPBacklogCoalesce = 0;
  TCPDSACKOldSent = 0;
  TCPDSACKOfoSent = 0;
  TCPDSACKRecv = 0;
  TCPDSACKOfoRecv = 0;
  TCPAbortOnData = 0;
  TCPAbortOnClose = 0;
  TCPAbortOnMemory = 0;
  TCPAbortOnTimeout = 0;
  TCPAbortOnLinger = 0;
  TCPAbortFailed = 0;
  TCPMemoryPressures = 0;
  TCPMemoryPressuresChrono = 0;
  TCPSACKDiscard = 0;
  TCPDSACKIgnoredOld = 0;
  TCPDSACKIgnoredNoUndo = 0;
  TCPSpuriousRTOs = 0;
  TCPMD5NotFound = 0;
  TCPMD5Unexpected = 0;
  TCPMD5Failure = 0;
  TCPSackShifted = 0;
  TCPSackMerged = 0;
  TCPSackShiftFallback = 0;
  TCPBacklogDrop = 0;
  PFMemallocDrop = 0;
  TCPMinTTLDrop = 0;
  TCPDeferAcceptDrop = 0;
  IPReversePathFilter = 0;
  TCPTimeWaitOverflow = 0;
  TCPReqQFullDoCookies = 0;
  TCPReqQFullDrop = 0;
  TCPRetransFail = 0;
  TCPRcvCoalesce = 0;
  TCPOFOQueue = 0;
  TCPOFODrop = 0;
  TCPOFOMerge = 0;
  TCPChallengeACK = 0;
  TCPSYNChallenge = 0;
  TCPFastOpenActive = 0;
  TCPFastOpenActiveFail = 0;
  TCPFastOpenPassive = 0;
  TCPFastOpenPassiveFail = 0;
  TCPFastOpenListenOverflow = 0;
  TCPFastOpenCookieReqd = 0;
  TCPFastOpenBlackhole = 0;
  TCPSpuriousRtxHostQueues = 0;
  BusyPollRxPackets = 0;
  TCPAutoCorking = 0;
  TCPFromZeroWindowAdv = 0;
  TCPToZeroWindowAdv = 0;
  TCPWantZeroWindowAdv = 0;
  TCPSynRetrans = 0;
  TCPOrigDataSent = 0;
  TCPHystartTrainDetect = 0;
  TCPHystartTrainCwnd = 0;
  TCPHystartDelayDetect = 0;
  TCPHystartDelayCwnd = 0;
  TCPACKSkippedSynRecv = 0;
  TCPACKSkippedPAWS = 0;
  TCPACKSkippedSeq = 0;
  TCPACKSkippedFinWait2 = 0;
  TCPACKSkippedTimeWait = 0;
  TCPACKSkippedChallenge = 0;
  TCPWinProbe = 0;
  TCPKeepAlive = 0;
  TCPMTUPFail = 0;
  TCPMTUPSuccess = 0;
  TCPDelivered = 0;
  TCPDeliveredCE = 0;
  TCPAckCompressed = 0;
  TCPZeroWindowDrop = 0;
  TCPRcvQDrop = 0;
  TCPWqueueTooBig = 0;
  TCPFastOpenPassiveAltKey = 0;
  TcpTimeoutRehash = 0;
  TcpDuplicateDataRehash = 0;
  TCPDSACKRecvSegs = 0;
  TCPDSACKIgnoredDubious = 0;
  TCPMigrateReqSuccess = 0;
  TCPMigrateReqFailure = 0;
  TCPPLBRehash = 0;
  TCPAORequired = 0;
  TCPAOBad = 0;
  TCPAOKeyNotFound = 0;
  TCPAOGood = 0;
  TCPAODroppedIcmps = 0;
}

/** What the packet filter did beside its verdicts. */
export class FilterCounters {
  /** Packets that REJECT answered, and that LOG told of. */
  refused = 0;
  logged = 0;
  /** Packets dropped since they would have cost too many rules. */
  tooManyRules = 0;
}

export class Counters {
  readonly ip = new IpCounters();
  readonly ipExt = new IpExtCounters();
  readonly ip6 = new Ip6Counters();
  readonly icmp = new IcmpCounters();
  readonly icmp6 = new IcmpCounters();
  readonly udp = new UdpCounters();
  readonly udp6 = new UdpCounters();
  readonly tcp = new TcpCounters();
  readonly tcpExt = new TcpExtCounters();
  readonly filter = new FilterCounters();
  /** Packets that found the backlog full: column 2 of /proc/net/softnet_stat. */
  backlogDrops = 0;
}

interface IcmpType {
  readonly type: number;
  readonly name: string;
}

const ICMP_TYPES: readonly IcmpType[] = [
  { type: 3, name: "DestUnreachs" },
  { type: 11, name: "TimeExcds" },
  { type: 12, name: "ParmProbs" },
  { type: 4, name: "SrcQuenchs" },
  { type: 5, name: "Redirects" },
  { type: 8, name: "Echos" },
  { type: 0, name: "EchoReps" },
  { type: 13, name: "Timestamps" },
  { type: 14, name: "TimestampReps" },
  { type: 17, name: "AddrMasks" },
  { type: 18, name: "AddrMaskReps" },
];

const ICMP6_TYPES: readonly IcmpType[] = [
  { type: 1, name: "DestUnreachs" },
  { type: 2, name: "PktTooBigs" },
  { type: 3, name: "TimeExcds" },
  { type: 4, name: "ParmProblems" },
  { type: 128, name: "Echos" },
  { type: 129, name: "EchoReplies" },
  { type: 130, name: "GroupMembQueries" },
  { type: 131, name: "GroupMembResponses" },
  { type: 132, name: "GroupMembReductions" },
  { type: 133, name: "RouterSolicits" },
  { type: 134, name: "RouterAdvertisements" },
  { type: 135, name: "NeighborSolicits" },
  { type: 136, name: "NeighborAdvertisements" },
  { type: 137, name: "Redirects" },
  { type: 143, name: "MLDv2Reports" },
];

type Row = readonly (readonly [string, number])[];

function typeRow(types: readonly IcmpType[], counts: Float64Array, direction: string): Row {
  return types.map(({ type, name }) => [`${direction}${name}`, counts[type]!]);
}

function seenTypes(counts: Float64Array, name: string): Row {
  return Array.from(counts, (count, type): [string, number] => [`${name}${type}`, count]).filter(
    ([, count]) => count > 0,
  );
}

/** What column Forwarding says: 1 of a router, 2 of a host. */
const FORWARDING_ON = 1;
const FORWARDING_OFF = 2;

/** Rows Ip, Icmp, IcmpMsg, Tcp and Udp of /proc/net/snmp: names and values in order. */
export function snmpRows(
  counters: Counters,
  defaultTtl: number,
  isRouter: boolean,
): Record<"Ip" | "Icmp" | "IcmpMsg" | "Tcp" | "Udp", Row> {
  const { icmp } = counters;
  return {
    Ip: [
      ["Forwarding", isRouter ? FORWARDING_ON : FORWARDING_OFF],
      ["DefaultTTL", defaultTtl],
      ...Object.entries(counters.ip),
    ],
    Icmp: [
      ["InMsgs", icmp.InMsgs],
      ["InErrors", icmp.InErrors],
      ["InCsumErrors", icmp.InCsumErrors],
      ...typeRow(ICMP_TYPES, icmp.inTypes, "In"),
      ["OutMsgs", icmp.OutMsgs],
      ["OutErrors", icmp.OutErrors],
      ["OutRateLimitGlobal", icmp.OutRateLimitGlobal],
      ["OutRateLimitHost", icmp.OutRateLimitHost],
      ...typeRow(ICMP_TYPES, icmp.outTypes, "Out"),
    ],
    IcmpMsg: [...seenTypes(icmp.inTypes, "InType"), ...seenTypes(icmp.outTypes, "OutType")],
    Tcp: Object.entries(counters.tcp),
    Udp: Object.entries(counters.udp),
  };
}

/** The lines of /proc/net/snmp6: names and values in order. */
export function snmp6Rows(counters: Counters): Row {
  const { icmp6 } = counters;
  const named = (prefix: string, row: Row): Row => row.map(([name, value]) => [`${prefix}${name}`, value]);
  return [
    ...named("Ip6", Object.entries(counters.ip6)),
    ...named("Icmp6", [
      ["InMsgs", icmp6.InMsgs],
      ["InErrors", icmp6.InErrors],
      ["OutMsgs", icmp6.OutMsgs],
      ["OutErrors", icmp6.OutErrors],
      ["InCsumErrors", icmp6.InCsumErrors],
      ["OutRateLimitHost", icmp6.OutRateLimitHost],
      ...typeRow(ICMP6_TYPES, icmp6.inTypes, "In"),
      ...typeRow(ICMP6_TYPES, icmp6.outTypes, "Out"),
      ...seenTypes(icmp6.inTypes, "InType"),
      ...seenTypes(icmp6.outTypes, "OutType"),
    ]),
    ...named("Udp6", Object.entries(counters.udp6)),
  ];
}
