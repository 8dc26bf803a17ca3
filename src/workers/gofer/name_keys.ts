// Under which calls know names of directories, whatever mount shows them.

interface HostDirectory {
  readonly hostDev: number;
  readonly hostIno: number;
}

export const nameKey = ({ hostDev, hostIno }: HostDirectory, name: string) => `${hostDev}:${hostIno}/${name}`;

export const lookupKey = (directory: HostDirectory, name: string) => `lookup:${nameKey(directory, name)}`;
