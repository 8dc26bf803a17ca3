export type FlagTable = string;
