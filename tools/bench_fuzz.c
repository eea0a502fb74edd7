/* bench --fuzz: how many cases a second go through all oracles, as the fuzzer makes them. */
#include <stdlib.h>

#include "fuzz/hunters.h"
#include "reference/registry.h"
#include "tools/cli.h"
#include "tools/shared.h"

enum { SMALL = 4 };

static lp_status hunt(lp_hunt_result *r, const lp_loss *loss, int count, const char *corpus, lp_error *error) {
  const lp_hunt_order order = {.loss = loss,
                               .candidate = "reference",
                               .dtypes = 1u << LP_FLOAT64 | 1u << LP_FLOAT32,
                               .isolation = LP_CANDIDATE_DEFAULTS,
                               .executions = count,
                               .most_elements = SMALL,
                               .seed = 1,
                               .corpus = corpus,
                               .start = "",
                               .remains = corpus};
  LP_TRY(lp_hunt(r, &order, 1, NULL, NULL, NULL, error));
  return r->died == 0 ? LP_OK : lp_fail(error, LP_INTERNAL, "a hunter of %s died: %s", loss->name, r->end);
}

static void print_rate(const lp_loss *loss, const lp_hunt_result *r, bool json) {
  const double rate = (double)r->asked / r->seconds, accepted = 100.0 * (double)r->accepted / (double)r->asked;
  if (json) {
    printf("{\"loss\": \"%s\", \"cases\": %lld, \"accepted\": %lld, \"seconds\": %.3f, \"a_second\": %.0f}\n",
           loss->name, r->asked, r->accepted, r->seconds, rate);
  } else {
    printf("%-18s %8lld cases %8.2f s %8.0f a second  (%.0f%% of them accepted)\n", loss->name, r->asked, r->seconds,
           rate, accepted);
  }
  fflush(stdout);
}

static int bench_loss(const lp_loss *loss, int count, bool json) {
  char corpus[] = "/tmp/lossproof-bench-XXXXXX";
  lp_error error;
  lp_hunt_result r;
  if (!mkdtemp(corpus)) return lp_cli_complain("cannot make a folder in /tmp");
  const lp_status status = hunt(&r, loss, count, corpus, &error);
  if (status == LP_OK && r.asked > 0) print_rate(loss, &r, json);
  lp_hunt_result_clear(&r);
  lp_remove_corpus(corpus);
  return status == LP_OK ? LP_EXIT_CONFORMS : lp_cli_fail(&error);
}

int lp_bench_fuzz(const lp_loss *only, int count, bool json) {
  int exit_code = LP_EXIT_CONFORMS;
  for (int i = 0; i < lp_registry_count() && exit_code == LP_EXIT_CONFORMS; i++) {
    const lp_loss *loss = lp_registry_at(i);
    if (!only || loss == only) exit_code = bench_loss(loss, count, json);
  }
  return exit_code;
}
