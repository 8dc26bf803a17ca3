// What `start` of the shim must know of the options that containerd gives it on standard input.
#ifndef RINGFENCE_SHIM_OPTIONS_H
#define RINGFENCE_SHIM_OPTIONS_H

#include <stdbool.h>

// Whether one shim is to serve all pods: shim_sharing = "node" in the configuration. All else in it is read, and judged, by
// the shim itself (src/main/shim/options.ts).
bool shim_options_share_node(void);

#endif
