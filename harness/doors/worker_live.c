/* The workers that live, so that a signal that ends this process ends them too. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "harness/doors/worker_internal.h"

enum { LIVE_MAX = 1024 }; /* four times as many as there are jobs; a worker beyond them is not on the list */

static atomic_int live[LIVE_MAX]; /* leaders of groups; 0: free */
static atomic_int spawning;       /* calls of posix_spawn under way: their workers are not on the list yet */
static atomic_bool doomed;        /* lp_workers_end was called */
static atomic_int last_code;

static void kill_live(void) {
  for (int i = 0; i < LIVE_MAX; i++) {
    const pid_t process = atomic_load(&live[i]);
    if (process <= 0) continue;
    kill(-process, SIGKILL);
    kill(process, SIGKILL); /* it may have gone over to another group */
  }
}

static void replace(int old, int new) {
  for (int i = 0; i < LIVE_MAX; i++) {
    int expected = old;
    if (atomic_compare_exchange_strong(&live[i], &expected, new)) return;
  }
}

static void end_if_doomed(void) {
  if (!atomic_load(&doomed)) return;
  kill_live();
  _exit(atomic_load(&last_code));
}

/* A thread that is about to spawn counts itself before it looks whether we are doomed; lp_workers_end says so before it
 * counts. So one of the two sees the other, and no worker is missed. */
void lp_live_begin_spawn(void) {
  atomic_fetch_add(&spawning, 1);
  end_if_doomed();
}

void lp_live_end_spawn(pid_t process) {
  if (process > 0) replace(0, (int)process);
  atomic_fetch_sub(&spawning, 1);
  end_if_doomed();
}

void lp_live_remove(pid_t process) { replace((int)process, 0); }

void lp_workers_end(int exit_code) {
  const int before = errno;
  atomic_store(&last_code, exit_code);
  atomic_store(&doomed, true);
  if (atomic_load(&spawning) == 0) end_if_doomed();
  errno = before; /* the thread that spawns ends us */
}
