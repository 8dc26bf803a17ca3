// Register values that the kernel sets by itself.

/** Interrupts enabled, and the bit that is always one. */
export const RFLAGS_INITIAL = 0x202;
