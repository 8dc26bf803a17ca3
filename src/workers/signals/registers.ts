// Register values that the kernel sets or filters by itself (flags: Intel SDM volume 1, 3.4.3).

/** Interrupts enabled, and the bit that is always one. */
export const RFLAGS_INITIAL = 0x202;

/** Flags that a guest may load by rt_sigreturn: AC RF OF DF TF SF ZF AF PF CF (Linux's FIX_EFLAGS). */
export const EFLAGS_USER = 0x50dd5;
export const EFLAGS_FIXED = 0x202;

/** Cleared at the entry of a signal handler: DF, RF, TF. */
export const EFLAGS_HANDLER_CLEARS = 0x10500;
