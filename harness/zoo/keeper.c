#include "harness/zoo/keeper.h"

#include <stdio.h>
#include <string.h>

const char *lp_zoo_oracle_name(lp_zoo_oracle oracle) {
  static const char *const names[LP_ZOO_ORACLES] = {"acceptance", "value", "gradient", "class",
                                                    "shape",      "law",   "conduct"};
  return names[oracle];
}

const char *lp_zoo_fate_name(lp_zoo_fate fate) {
  static const char *const names[] = {"killed", "passes", "equivalent", "SURVIVES", "ACCUSED"};
  return names[fate];
}

bool lp_zoo_is_fault(lp_zoo_fate fate) { return fate == LP_ZOO_SURVIVES || fate == LP_ZOO_ACCUSED; }

lp_zoo_oracle lp_zoo_only_oracle(const lp_zoo_row *row) {
  lp_zoo_oracle only = LP_ZOO_ORACLES;
  int seen = 0;
  for (int i = 0; i < LP_ZOO_ORACLES; i++) {
    if (row->by[i] == 0) continue;
    only = (lp_zoo_oracle)i;
    seen++;
  }
  return seen == 1 ? only : LP_ZOO_ORACLES;
}

static lp_zoo_oracle oracle_of(const lp_verdict *v) {
  if (v->input == LP_OUTPUT_CASE) return LP_ZOO_BY_ACCEPTANCE;
  if (v->input == LP_OUTPUT_LAW) return LP_ZOO_BY_LAW;
  if (v->input == LP_OUTPUT_CONDUCT) return LP_ZOO_BY_CONDUCT;
  if (v->cause == LP_CAUSE_SHAPE || v->cause == LP_CAUSE_MISSING || v->cause == LP_CAUSE_UNWANTED) {
    return LP_ZOO_BY_SHAPE;
  }
  if (v->cause == LP_CAUSE_CLASS) return LP_ZOO_BY_CLASS;
  return v->input == LP_OUTPUT_LOSS ? LP_ZOO_BY_VALUE : LP_ZOO_BY_GRADIENT;
}

/* True when verdict i is a fail. */
static bool take_verdict(lp_zoo_row *row, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  const lp_zoo_oracle oracle = oracle_of(v);
  row->inconclusive += v->kind == LP_VERDICT_INCONCLUSIVE;
  if (v->kind != LP_VERDICT_FAIL) return false;
  row->by[oracle]++;
  if (oracle == LP_ZOO_BY_LAW && !row->law[0]) snprintf(row->law, sizeof row->law, "%s", r->about[i].law->name);
  if (row->after > 0) return true;
  row->after = row->ran;
  row->first = oracle;
  snprintf(row->id, sizeof row->id, "%s", r->about[i].id ? r->about[i].id : r->entry->c.id);
  return true;
}

/* Profile math asks for the limit at infinities; the reference, which answers for the rest of an animal, has PyTorch's
 * choice there. */
static void take_result(lp_zoo_row *row, const lp_result *r) {
  bool fails = false;
  if (r->not_run || (row->animal->math && !lp_zoo_is_finite(&r->entry->c))) return;
  row->ran++;
  for (int i = 0; i < r->n_verdicts; i++) fails = take_verdict(row, r, i) || fails;
  row->failing += fails;
  row->failing_core += fails && strncmp(r->entry->c.id, "core/", 5) == 0;
}

static lp_zoo_fate fate_of(const lp_zoo_row *row) {
  const bool should_pass = row->animal->kind == LP_ZOO_RIGHT || row->animal->proof;
  if (row->failing > 0) return should_pass ? LP_ZOO_ACCUSED : LP_ZOO_KILLED;
  if (!should_pass) return LP_ZOO_SURVIVES;
  return row->animal->proof ? LP_ZOO_EQUIVALENT : LP_ZOO_PASSES;
}

static lp_status certify(lp_zoo_row *row, lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata,
                         const lp_certify_options *options, lp_error *error) {
  lp_certification run;
  LP_TRY(lp_certify(&run, candidate, suite, errata, options, error));
  for (int i = 0; i < run.n_results; i++) take_result(row, &run.results[i]);
  lp_certification_clear(&run);
  row->fate = fate_of(row);
  return row->ran > 0 ? LP_OK : lp_fail(error, LP_INVALID, "%s: no case ran", lp_candidate_name(candidate));
}

lp_status lp_zoo_keep(lp_zoo_row *row, const char *name, const lp_animal *animal, const lp_suite *suite,
                      const lp_errata *errata, const lp_certify_options *options, lp_error *error) {
  lp_candidate *candidate;
  lp_certify_options own = *options;
  *row = (lp_zoo_row){.animal = animal};
  if (animal->math) own.how.profile = LP_PROFILE_MATH;
  LP_TRY(lp_candidate_open(&candidate, name, NULL, error));
  const lp_status status = certify(row, candidate, suite, errata, &own, error);
  lp_candidate_close(candidate);
  return status;
}
