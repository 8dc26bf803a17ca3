// Scenes that do not work here yet, by their names, with what is said instead. One that begins to work fails until it is
// taken out.

export const WAITING: ReadonlyMap<string, RegExp> = new Map();
