// Constants of adjtimex(2) (linux/timex.h): those that are looked at where nobody adjusts a clock.

export const ADJ_OFFSET_SINGLESHOT = 0x0001;
export const ADJ_SETOFFSET = 0x0100;
export const ADJ_OFFSET_READONLY = 0x2000;
export const ADJ_ADJTIME = 0x8000;

export const STA_UNSYNC = 0x0040;

/** The clock is not synchronized. */
export const TIME_ERROR = 5;
