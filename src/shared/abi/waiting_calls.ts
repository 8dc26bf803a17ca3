// Calls that are made in order to wait, by what they wait for: how long they take is the guest's choice. Others, such as read,
// may have to wait as well (workers/inspect/waits.ts).

const POLLS = ["poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"] as const;

export const MADE_TO_WAIT = {
  "one of its files, or a timeout": POLLS,
  "the end of a child": ["wait4", "waitid"],
  "a futex": ["futex", "futex_wait", "futex_waitv"],
  "a time": ["nanosleep", "clock_nanosleep"],
  "a signal": ["pause", "rt_sigsuspend", "rt_sigtimedwait"],
  "an operation's end": ["io_getevents", "io_pgetevents"],
  "what it waited for before a signal came": ["restart_syscall"],
} as const satisfies Readonly<Record<string, readonly string[]>>;
