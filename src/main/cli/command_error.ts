// Why a command of Node's could not be done: its message is the one line that the user sees.

export class CommandError extends Error {}
