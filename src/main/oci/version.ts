// Versions of the runtime specification whose documents are read; the last is that of documents which are written.

export const OCI_VERSION_FIRST = "1.0.0";
export const OCI_VERSION_LAST = "1.2.0";
