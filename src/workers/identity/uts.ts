// UTS namespace: what uname(2) says. The release is a Linux that has every call a libc may probe for
// by version; it is not the host's, which is nobody's business inside.

export const RELEASE = "6.12.0-ringfence";
export const VERSION = "#1 SMP PREEMPT_DYNAMIC Ringfence";

export class UtsNamespace {
  nodename: string;
  domainname = "(none)";

  constructor(nodename: string) {
    this.nodename = nodename;
  }
}
