/* What worker.c, worker_end.c, worker_live.c and worker_memory.c share. */
#ifndef LP_HARNESS_DOORS_WORKER_INTERNAL_H
#define LP_HARNESS_DOORS_WORKER_INTERNAL_H

#include <sys/types.h>

#include "harness/doors/worker.h"

enum { LP_LAST_WORDS = 200 }; /* bytes kept of what a worker prints */

typedef struct lp_last_words {
  char bytes[LP_LAST_WORDS];
  int n;
} lp_last_words;

/* Keeps the end of what was kept before and of bytes[0..n). */
void lp_last_words_add(lp_last_words *words, const char *bytes, size_t n);

/* How a process ended, as waitid says it. */
typedef struct lp_death {
  bool dead;
  bool by_signal;
  int code; /* the signal, or the exit code; -1 when somebody else has taken it */
} lp_death;

/* Fills in conduct and text. `words` are appended where there are any. */
void lp_end_by(lp_worker_end *end, lp_conduct conduct, const lp_last_words *words, const char *format, ...)
    LP_PRINTF(4, 5);
void lp_end_by_death(lp_worker_end *end, lp_death death, const lp_last_words *words);

/* Around every posix_spawn, and before a dead worker is waited for: the list that lp_workers_end goes by. process 0:
 * none was spawned. */
void lp_live_begin_spawn(void);
void lp_live_end_spawn(pid_t process);
void lp_live_remove(pid_t process);

/* Bytes of resident memory of the processes of a group; 0 where there is no /proc. */
int64_t lp_group_memory(pid_t group);

#endif
