// Names of extended attributes that mean something to the kernel (xattr(7)).

/** File capabilities (capabilities(7)). */
export const CAPABILITY_XATTR = "security.capability";
