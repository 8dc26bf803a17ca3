// Id maps of user namespaces (user_namespaces(7)): read from /proc or config.json, checked, and written.
#ifndef RINGFENCE_ID_MAP_H
#define RINGFENCE_ID_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buffer.h"
#include "json.h"

#define ID_RANGES_MAX 340 // UID_GID_MAP_MAX_EXTENTS: of more the host's kernel says EINVAL

// A line of uid_map: `count` ids from `inside` on are those from `outside` on in the parent namespace.
struct id_range {
  uint32_t inside, outside, count;
};

struct id_map {
  unsigned count;
  struct id_range ranges[ID_RANGES_MAX];
};

struct id_maps {
  struct id_map uids, gids;
};

// Reads the uidMappings and gidMappings of that object in config.json, of which `at` is the name for errors; what is not
// there is empty.
void id_maps_read(struct id_maps *maps, const struct json *json, unsigned object, const char *at);

// Those of that process ("self", or a number), as the caller's user namespace sees them. False with errno.
bool id_maps_of(struct id_maps *maps, const char *process);

// Whether that is all ids as they are: of the initial namespace, or one that looks like it.
bool id_maps_are_whole(const struct id_maps *maps);

bool id_map_equal(const struct id_map *one, const struct id_map *other);
bool id_map_has(const struct id_map *map, uint32_t inside);

// The same ids inside, each mapped to itself: for a namespace below one with those maps.
struct id_maps id_maps_identity(const struct id_maps *maps);

// Maps the ids of the user namespace of `pid`, a child of the caller in a new one. Without CAP_SETUID and CAP_SETGID: by
// newuidmap and newgidmap, as the host's /etc/subuid and /etc/subgid allow it; or, if the caller's own ids are all that is
// mapped, by himself, for the price of setgroups.
void id_maps_write(const struct id_maps *maps, pid_t pid);

// Whether such a namespace keeps setgroups(2), written by this caller.
bool id_maps_keep_setgroups(const struct id_maps *maps);

// A list of numbers, three for a range, as JSON.
void id_map_json(const struct id_map *map, struct buffer *into);

// A user namespace with those maps and nobody in it, as a descriptor.
int id_maps_namespace(const struct id_maps *maps);

#endif
