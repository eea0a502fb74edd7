/* Independent pieces of work, spread over threads. */
#ifndef LP_HARNESS_POOL_H
#define LP_HARNESS_POOL_H

enum { LP_JOBS_MAX = 256 };

/* Calls work(context, i) for every i in 0..count-1, from at most `jobs` threads, this one among them. When threads
 * cannot be started the others do their share. */
void lp_pool_run(int jobs, int count, void (*work)(void *context, int index), void *context);

#endif
