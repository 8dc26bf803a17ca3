// What `start` of the shim must know of the options that containerd gives it on standard input.
#ifndef RINGFENCE_SHIM_OPTIONS_H
#define RINGFENCE_SHIM_OPTIONS_H

enum shim_sharing { SHARE_NOTHING, SHARE_POD, SHARE_NODE };

// Whose shim is to be the same: with grouping = false nobody's, with shim_sharing = "node" that of all pods. All else in the
// configuration is read, and judged, by the shim itself (src/main/shim/options.ts).
enum shim_sharing shim_options_sharing(void);

#endif
