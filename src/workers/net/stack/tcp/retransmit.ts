// Sending again what was sent: an entry of the scoreboard, and those of its lost ones that the congestion window lets go.

import { EAGAIN, ENOBUFS } from "../../../../shared/abi/errno.ts";
import { armRetransmit } from "./arm.ts";
import { CA_LOSS } from "./congestion/congestion.ts";
import { type Connection, TIMER_REORDER } from "./connection.ts";
import * as F from "./format.ts";
import { EVER_RETRANSMITTED, IS_FIN } from "./scoreboard.ts";
import { after } from "./sequence.ts";
import { sendData } from "./transmit.ts";

/** Segments that one call sends again at most: what is left goes with the next acknowledgement. */
const BURST_MAX = 64;

/** Sends an entry again: 0, or a negative errno; -EAGAIN: the window does not let it. */
export function retransmit(c: Connection, index: number): number {
  const { board, mss } = c;
  if (((board.endAt(index) - board.seqAt(index)) | 0) > mss + 1) {
    // Segments have become shorter since.
    const seq = board.seqAt(index);
    board.resegment(mss);
    index = board.find(seq);
  }
  const seq = board.seqAt(index);
  const end = board.endAt(index);
  // A window that shrank holds back all but the first one.
  if (after(end, c.windowEnd) && seq !== c.sndUna) return -EAGAIN;
  const isFin = (board.flagsAt(index) & IS_FIN) !== 0;
  const error = sendData(c, seq, end, (isFin ? F.FIN : 0) | F.PSH, mss, true);
  if (error === -ENOBUFS) return error;
  noteRetransmission(c, index);
  return 0;
}

function noteRetransmission(c: Connection, index: number): void {
  if (c.retransStampUs === 0) c.retransStampUs = c.nowUs;
  if (c.undoRetrans < 0) c.undoRetrans = 0;
  c.undoRetrans++;
  c.board.resent(index, c.nowUs);
}

/** Lost ones go again, as far as the congestion window lets them. */
export function retransmitLost(c: Connection): void {
  const { board } = c;
  let isFirst = false;
  for (let sent = 0; sent < BURST_MAX; sent++) {
    if (c.inFlight >= c.cwnd) break;
    const index = board.nextLost;
    if (index < 0) break;
    const error = retransmit(c, index);
    if (error === -ENOBUFS) c.tcp.waitForBuffers(c);
    if (error < 0) break;
    const { extended } = c.tcp;
    if (c.caState === CA_LOSS) extended.TCPSlowStartRetrans++;
    else extended.TCPFastRetrans++;
    c.prrOut++;
    if (index === 0 && c.pendingTimer !== TIMER_REORDER) isFirst = true;
  }
  if (isFirst) armRetransmit(c);
}

/** Whether anything under way was ever sent again. */
export function anyRetransmitted(c: Connection): boolean {
  if (c.board.retransOut > 0) return true;
  return c.board.count > 0 && (c.board.flagsAt(0) & EVER_RETRANSMITTED) !== 0;
}
