/* Every piece of work is done once, however many threads there are. */
#include "harness/pool.h"

#include <pthread.h>
#include <string.h>

#include "reference/exact/ball.h"
#include "reference/tests/testing.h"

enum { MANY = 1000 };

typedef struct tally {
  pthread_mutex_t lock;
  int times[MANY];
} tally;

static void count(void *context, int index) {
  tally *t = context;
  pthread_mutex_lock(&t->lock);
  t->times[index]++;
  pthread_mutex_unlock(&t->lock);
}

static void run(int jobs, int pieces) {
  static tally t;
  memset(&t, 0, sizeof t);
  pthread_mutex_init(&t.lock, NULL);
  lp_pool_run(jobs, pieces, count, &t);
  pthread_mutex_destroy(&t.lock);
  for (int i = 0; i < MANY; i++) ck_assert_int_eq(t.times[i], i < pieces ? 1 : 0);
}

START_TEST(every_index_once) {
  const int jobs[] = {1, 2, 7};
  for (int k = 0; k < 3; k++) {
    run(jobs[k], MANY);
    run(jobs[k], 3);
    run(jobs[k], 1);
    run(jobs[k], 0);
  }
}
END_TEST

START_TEST(a_strange_number_of_jobs_is_one_or_the_most) {
  run(0, 10);
  run(-3, 10);
  run(LP_JOBS_MAX + 1000, 10);
}
END_TEST

/* One thread works in order, this one. */
static void in_order(void *context, int index) {
  int *next = context;
  ck_assert_int_eq(index, (*next)++);
}

START_TEST(one_job_keeps_the_order) {
  int next = 0;
  lp_pool_run(1, MANY, in_order, &next);
  ck_assert_int_eq(next, MANY);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_index_once, a_strange_number_of_jobs_is_one_or_the_most, one_job_keeps_the_order};
  const int status = run_tests("pool", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
