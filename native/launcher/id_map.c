// Reading id maps, and looking at them: see id_map.h.
#include "id_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

// ---- Reading ----

static uint32_t read_number(const struct json *json, unsigned range, const char *name, const char *at,
                            unsigned index) {
  long long number = 0;
  unsigned token = json_member(json, range, name);
  if (token && !json_integer(json, token, 0, UINT32_MAX, &number))
    fail(EXIT_RINGFENCE, "%s[%u].%s must be an integer from 0 to %" PRIu32, at, index, name, UINT32_MAX);
  return (uint32_t)number;
}

static void read_map(struct id_map *map, const struct json *json, unsigned list, const char *at) {
  map->count = 0;
  if (list == 0 || json_is(json, list, JSON_NULL)) return;
  if (!json_is(json, list, JSON_ARRAY)) fail(EXIT_RINGFENCE, "%s must be a list", at);
  for (unsigned range = json_first(json, list); range; range = json_next(json, list, range)) {
    if (map->count == ID_RANGES_MAX)
      fail(EXIT_RINGFENCE, "%s must have at most %d entries", at, ID_RANGES_MAX);
    if (!json_is(json, range, JSON_OBJECT)) fail(EXIT_RINGFENCE, "%s[%u] must be an object", at, map->count);
    map->ranges[map->count] = (struct id_range){
        .inside = read_number(json, range, "containerID", at, map->count),
        .outside = read_number(json, range, "hostID", at, map->count),
        .count = read_number(json, range, "size", at, map->count),
    };
    map->count++;
  }
}

void id_maps_read(struct id_maps *maps, const struct json *json, unsigned object, const char *at) {
  char name[64];
  snprintf(name, sizeof name, "%s.uidMappings", at);
  read_map(&maps->uids, json, object ? json_member(json, object, "uidMappings") : 0, name);
  snprintf(name, sizeof name, "%s.gidMappings", at);
  read_map(&maps->gids, json, object ? json_member(json, object, "gidMappings") : 0, name);
}

static bool map_of(struct id_map *map, const char *process, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/%s", process, name);
  FILE *file = fopen(path, "re");
  if (!file) return false;
  map->count = 0;
  struct id_range range;
  while (map->count < ID_RANGES_MAX &&
         fscanf(file, "%" SCNu32 " %" SCNu32 " %" SCNu32, &range.inside, &range.outside, &range.count) == 3)
    map->ranges[map->count++] = range;
  fclose(file);
  return true;
}

bool id_maps_of(struct id_maps *maps, const char *process) {
  return map_of(&maps->uids, process, "uid_map") && map_of(&maps->gids, process, "gid_map");
}

// ---- Looking ----

static bool is_whole(const struct id_map *map) {
  const struct id_range *only = map->ranges;
  return map->count == 1 && only->inside == 0 && only->outside == 0 && only->count == UINT32_MAX;
}

bool id_maps_are_whole(const struct id_maps *maps) {
  return is_whole(&maps->uids) && is_whole(&maps->gids);
}

bool id_map_equal(const struct id_map *one, const struct id_map *other) {
  return one->count == other->count &&
         memcmp(one->ranges, other->ranges, one->count * sizeof one->ranges[0]) == 0;
}

bool id_map_has(const struct id_map *map, uint32_t inside) {
  for (unsigned i = 0; i < map->count; i++)
    if (inside >= map->ranges[i].inside && inside - map->ranges[i].inside < map->ranges[i].count) return true;
  return false;
}

struct id_maps id_maps_identity(const struct id_maps *maps) {
  struct id_maps same = *maps;
  for (unsigned i = 0; i < same.uids.count; i++)
    same.uids.ranges[i].outside = same.uids.ranges[i].inside;
  for (unsigned i = 0; i < same.gids.count; i++)
    same.gids.ranges[i].outside = same.gids.ranges[i].inside;
  return same;
}

void id_map_json(const struct id_map *map, struct buffer *into) {
  buffer_append(into, "[", 1);
  for (unsigned i = 0; i < map->count; i++)
    buffer_printf(into, "%s[%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", i ? "," : "", map->ranges[i].inside,
                  map->ranges[i].outside, map->ranges[i].count);
  buffer_append(into, "]", 1);
}
