#include "harness/pool.h"

#include <pthread.h>

#include "reference/exact/ball.h"

typedef struct pool {
  pthread_mutex_t lock;
  int next, count;
  void (*work)(void *context, int index);
  void *context;
} pool;

static int take(pool *p) {
  pthread_mutex_lock(&p->lock);
  const int i = p->next < p->count ? p->next++ : -1;
  pthread_mutex_unlock(&p->lock);
  return i;
}

static void *worker(void *argument) {
  pool *p = argument;
  for (int i = take(p); i >= 0; i = take(p)) p->work(p->context, i);
  flint_cleanup(); /* what FLINT keeps for this thread */
  return NULL;
}

void lp_pool_run(int jobs, int count, void (*work)(void *context, int index), void *context) {
  pool p = {.count = count, .work = work, .context = context};
  pthread_t threads[LP_JOBS_MAX];
  int started = 0;
  pthread_mutex_init(&p.lock, NULL);
  while (started < jobs - 1 && started < LP_JOBS_MAX && pthread_create(&threads[started], NULL, worker, &p) == 0) {
    started++;
  }
  worker(&p);
  for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
  pthread_mutex_destroy(&p.lock);
}
