/* Resident memory of a process group, from /proc. Pages that several processes share count once for each. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/doors/worker_internal.h"

/* The number that stands `nth` after the name in parentheses, which may hold blanks and parentheses itself. */
static long field(const char *after_name, int nth) {
  const char *p = after_name;
  for (int i = 0; i < nth && p; i++) {
    p = strchr(p, ' ');
    if (p) p++;
  }
  return p ? strtol(p, NULL, 10) : 0;
}

static ssize_t read_stat(char *text, size_t capacity, const char *process) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%.20s/stat", process);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  const ssize_t n = read(file, text, capacity - 1);
  close(file);
  if (n >= 0) text[n] = 0;
  return n;
}

/* Resident pages of a process, if it belongs to the group, or led it and has left. proc(5): after "pid (name)" come
 * state, ppid, pgrp; rss is the 24th of all. */
static long pages_of(const char *process, pid_t group) {
  enum { PGRP = 3, RSS = 22 };
  char text[1024];
  if (read_stat(text, sizeof text, process) <= 0) return 0;
  const char *after_name = strrchr(text, ')');
  if (!after_name) return 0;
  if (field(after_name, PGRP) != (long)group && strtol(process, NULL, 10) != (long)group) return 0;
  const long pages = field(after_name, RSS);
  return pages > 0 ? pages : 0;
}

int64_t lp_group_memory(pid_t group) {
  DIR *folder = opendir("/proc");
  if (!folder) return 0;
  int64_t pages = 0;
  for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
    if (isdigit((unsigned char)entry->d_name[0])) pages += pages_of(entry->d_name, group);
  }
  closedir(folder);
  return pages * (int64_t)sysconf(_SC_PAGESIZE);
}
