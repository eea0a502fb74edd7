/* The capability manifest: what its JSON means, what is wrong with it, and which cases it covers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "golden/json.h"
#include "reference/tests/testing.h"

static lp_arena *arena;
static lp_manifest manifest;
static lp_error failure;

static void open_manifest(void) {
  arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(arena);
  ck_assert_int_eq(lp_manifest_init(&manifest, arena, "mine", "1.0", 1u << LP_FLOAT64, NULL), LP_OK);
}

static void close_manifest(void) { lp_arena_free(arena); }

/* ' stands for ", so that the texts can be read. */
static lp_status read_over(const char *text) {
  char json[2048];
  snprintf(json, sizeof json, "%s", text);
  for (char *c = json; *c; c++) *c = (char)(*c == '\'' ? '"' : *c);
  failure.message[0] = 0;
  return lp_manifest_read(&manifest, arena, json, strlen(json), &failure);
}

static void declare(const char *text) {
  close_manifest();
  open_manifest();
  ck_assert_msg(read_over(text) == LP_OK, "%s for %s", failure.message, text);
}

static const lp_capability *of(const char *loss) { return lp_manifest_find(&manifest, lp_registry_find(loss)); }

START_TEST(silence_restricts_dtypes_and_layouts_alone) {
  declare("{}");
  for (int i = 0; i < lp_registry_count(); i++) {
    const lp_capability *can = &manifest.losses[i];
    ck_assert(can->supported && can->broadcasting && can->empty && can->mixed_dtypes && can->grad_output);
    ck_assert(can->special_values && can->validates && !can->strided && !can->deterministic);
    ck_assert_uint_eq(can->dtypes, 1u << LP_FLOAT64);
    ck_assert_uint_eq(can->reductions, can->loss->reductions);
  }
  ck_assert_str_eq(manifest.text, "{}");
}
END_TEST

START_TEST(what_stands_at_the_top_holds_for_every_loss_and_a_losss_own_over_it) {
  declare(
      "{'dtypes': ['float32', 'bfloat16'], 'deterministic': true, 'reductions': ['mean', 'batchmean'], 'gradients': [],"
      " 'losses': {'SmoothL1Loss': {'params': {'beta': {'min': 0, 'max': 10}}, 'dtypes': ['float16'],"
      " 'gradients': ['input'], 'layouts': ['strided', 'contiguous']}, 'kl_div': {'deterministic': false}}}");
  ck_assert(!of("l1")->supported);
  ck_assert(of("smooth_l1")->supported && of("kl_div")->supported);
  ck_assert_uint_eq(of("smooth_l1")->dtypes, 1u << LP_FLOAT16);
  ck_assert_uint_eq(of("kl_div")->dtypes, 1u << LP_FLOAT32 | 1u << LP_BFLOAT16);
  ck_assert(of("smooth_l1")->deterministic && !of("kl_div")->deterministic);
  ck_assert(of("smooth_l1")->strided && !of("kl_div")->strided);
  ck_assert_uint_eq(of("smooth_l1")->reductions, LP_CAN_MEAN);
  ck_assert_uint_eq(of("kl_div")->reductions, LP_CAN_MEAN | LP_CAN_BATCHMEAN);
  ck_assert_uint_eq(of("smooth_l1")->gradients, 1u);
  ck_assert(lp_manifest_wants(&manifest, lp_registry_find("smooth_l1"), 0));
  ck_assert(!lp_manifest_wants(&manifest, lp_registry_find("smooth_l1"), 1));
  ck_assert(!lp_manifest_wants(&manifest, lp_registry_find("kl_div"), 0));
  ck_assert(lp_manifest_wants(&manifest, lp_registry_find("kl_div"), LP_OUTPUT_LOSS));
}
END_TEST

START_TEST(losses_may_be_a_list) {
  declare("{'losses': ['l1', 'nn.CTCLoss'], 'ctc_gradient': 'posterior', 'ranks': {'max': 3}}");
  ck_assert(of("l1")->supported && of("ctc")->supported && !of("mse")->supported);
  ck_assert_int_eq(of("ctc")->ctc_gradient, LP_CTC_POSTERIOR);
  ck_assert_int_eq(of("l1")->min_rank, 0);
  ck_assert_int_eq(of("l1")->max_rank, 3);
}
END_TEST

START_TEST(parameters_are_lists_of_values_or_intervals) {
  declare("{'params': {'p': [1, 2.0], 'log_target': [false], 'beta': {'min': '0x1p-1'}}}");
  const lp_parameter_range *p = &of("multi_margin")->params[0], *flag = &of("kl_div")->params[0];
  const lp_parameter_range *beta = &of("smooth_l1")->params[0];
  ck_assert(p->restricted && p->n_values == 2 && p->values[1] == 2.0);
  ck_assert(flag->restricted && flag->n_values == 1 && flag->values[0] == 0.0);
  ck_assert(beta->restricted && beta->n_values == 0 && beta->lo == 0.5 && isinf(beta->hi));
  ck_assert(!of("poisson_nll")->params[2].restricted);
}
END_TEST

/* Every mistake, and what the message must say: the path of the key, and what was expected there. */
static const struct {
  const char *text, *says;
} mistakes[] = {
    {"", "manifest:1:1"},
    {"{'dtypes': ", "manifest:1:"},
    {"{} {}", "manifest:1:"},
    {"[]", "manifest: expected an object, got a list of 0"},
    {"{'dtype': ['float64']}", "manifest: unknown key \"dtype\""},
    {"{'dtypes': 'float64'}", "manifest.dtypes: expected a list of names, got \"float64\""},
    {"{'dtypes': []}", "manifest.dtypes: expected at least one name"},
    {"{'dtypes': ['float32', 'double']}", "manifest.dtypes[1]: expected float64, float32, float16 or bfloat16"},
    {"{'dtypes': ['int64']}", "manifest.dtypes[0]: expected float64"},
    {"{'dtypes': [64]}", "manifest.dtypes[0]: expected float64"},
    {"{'reductions': ['average']}", "manifest.reductions[0]: expected none, mean, sum or batchmean, got \"average\""},
    {"{'reductions': []}", "manifest.reductions: expected at least one name"},
    {"{'losses': {'l1': {'reductions': ['batchmean']}}}",
     "manifest.losses.l1.reductions[0]: expected none, mean or sum"},
    {"{'losses': {'l1': {'gradients': ['output']}}}",
     "manifest.losses.l1.gradients[0]: expected input, target or weight"},
    {"{'losses': {'ctc': {'gradients': ['targets']}}}", "manifest.losses.ctc.gradients[0]: expected log_probs, got"},
    {"{'losses': {'ctc': {'optional_inputs': ['weight']}}}", "optional_inputs[0]: expected an empty list"},
    {"{'gradients': ['nowhere']}", "manifest.gradients[0]: expected "},
    {"{'ranks': 2}", "manifest.ranks: expected {\"min\": RANK, \"max\": RANK}, got 2"},
    {"{'ranks': {'max': 9}}", "manifest.ranks: expected whole numbers from 0 to 8"},
    {"{'ranks': {'max': 1.5}}", "manifest.ranks: expected whole numbers from 0 to 8"},
    {"{'ranks': {'min': 3, 'max': 1}}", "manifest.ranks: min is above max"},
    {"{'ranks': {'least': 3}}", "manifest.ranks: unknown key \"least\": expected min or max"},
    {"{'params': []}", "manifest.params: expected an object, got a list of 0"},
    {"{'params': {'gamma': [1]}}", "manifest.params: unknown key \"gamma\""},
    {"{'losses': {'l1': {'params': {'beta': [1]}}}}",
     "manifest.losses.l1.params: unknown key \"beta\": expected no key"},
    {"{'params': {'beta': 1}}", "manifest.params.beta: expected a list of values, or {\"min\": A, \"max\": B}, got 1"},
    {"{'params': {'beta': []}}", "manifest.params.beta: expected 1 to 64 values, got a list of 0"},
    {"{'params': {'beta': ['one']}}", "manifest.params.beta[0]: expected a number, true or false, got \"one\""},
    {"{'params': {'beta': {'max': 'NaN'}}}", "manifest.params.beta.max: expected a number, got \"NaN\""},
    {"{'params': {'beta': {'min': 1, 'max': 0}}}", "manifest.params.beta: min is above max"},
    {"{'layouts': 'strided'}", "manifest.layouts: expected a list of names"},
    {"{'layouts': ['strided']}", "manifest.layouts: expected contiguous among the layouts"},
    {"{'layouts': ['contiguous', 'sparse']}", "manifest.layouts[1]: expected contiguous or strided, got \"sparse\""},
    {"{'ctc_gradient': 'true'}", "manifest.ctc_gradient: expected log_softmax or posterior, got \"true\""},
    {"{'losses': {'l1': {'ctc_gradient': 'posterior'}}}", "manifest.losses.l1.ctc_gradient: only ctc has this key"},
    {"{'deterministic': 1}", "manifest.deterministic: expected true or false, got 1"},
    {"{'losses': []}", "manifest.losses: expected {\"NAME\": {...}, ...} or a list of names, at least one"},
    {"{'losses': {}}", "manifest.losses: expected {\"NAME\": {...}, ...} or a list of names, at least one"},
    {"{'losses': null}", "manifest.losses: expected "},
    {"{'losses': ['l1', 3]}", "manifest.losses[1]: expected the name of a loss, got 3"},
    {"{'losses': ['kl_dif']}", "manifest.losses[0]: there is no loss \"kl_dif\"; did you mean \"kl_div\"?"},
    {"{'losses': ['l1', 'L1Loss']}", "manifest.losses[1]: l1 is declared twice"},
    {"{'losses': {'l1': true}}", "manifest.losses.l1: expected an object, {} when nothing is to be added, got true"},
    {"{'losses': {'l1': {'losses': []}}}", "manifest.losses.l1: unknown key \"losses\""},
    {"{'empty': true, 'empty': false}", "manifest:1:"},
};

START_TEST(a_mistake_is_named) {
  ck_assert_msg(read_over(mistakes[_i].text) == LP_INVALID, "accepted: %s", mistakes[_i].text);
  ck_assert_msg(strstr(failure.message, mistakes[_i].says), "%s\n  says %s", mistakes[_i].text, failure.message);
}
END_TEST

START_TEST(memory_that_runs_out_is_said) {
  bool done = false;
  for (int n = 0; !done; n++) {
    close_manifest();
    open_manifest();
    lp_arena_fail_after(n);
    const lp_status status = read_over("{'params': {'beta': [1, 2]}, 'losses': ['smooth_l1']}");
    lp_arena_fail_after(-1);
    done = status == LP_OK;
    ck_assert_msg(done || status == LP_NO_MEMORY, "%d: %s", n, failure.message);
    ck_assert_int_lt(n, 1000);
  }
}
END_TEST

/* ---- Coverage ---- */

/* A case that has everything at its plainest: l1 of two numbers. */
static lp_trial *plain(void) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "2", (double[]){1, 2});
  trial_real(t, "target", "2", (double[]){3, 5});
  return t;
}

static void check_covered(const lp_trial *t) {
  char why[64] = "";
  ck_assert_msg(lp_manifest_covers(&manifest, &t->c, why, sizeof why), "%s", why);
}

static void check_not_covered(lp_trial *t, const char *reason) {
  char why[64] = "";
  ck_assert_msg(!lp_manifest_covers(&manifest, &t->c, why, sizeof why), "covered in spite of %s", reason);
  ck_assert_str_eq(why, reason);
  trial_free(t);
}

START_TEST(a_plain_case_is_covered) {
  declare("{}");
  lp_trial *t = plain();
  check_covered(t);
  trial_free(t);
}
END_TEST

START_TEST(a_loss_that_is_not_named_is_not_covered) {
  declare("{'losses': ['mse']}");
  check_not_covered(plain(), "the loss");
}
END_TEST

/* Each tensor has a dtype of its own; what the case says goes for those that name none. */
START_TEST(dtypes_are_those_of_the_tensors) {
  declare("{'dtypes': ['float32']}");
  check_not_covered(plain(), "dtype float64");
  lp_trial *t = plain();
  trial_tensor(t, "input", LP_FLOAT32, "2", (double[]){1, 2});
  trial_tensor(t, "target", LP_FLOAT32, "2", (double[]){1, 2});
  check_covered(t);
  trial_tensor(t, "target", LP_BFLOAT16, "2", (double[]){1, 2});
  check_not_covered(t, "dtype bfloat16");
}
END_TEST

START_TEST(mixed_dtypes_and_integers_among_numbers) {
  declare("{'dtypes': ['float64', 'float32'], 'mixed_dtypes': false}");
  lp_trial *t = plain();
  check_covered(t);
  trial_tensor(t, "target", LP_FLOAT32, "2", (double[]){1, 2});
  check_not_covered(t, "mixed or integer dtypes");
  t = plain();
  trial_tensor(t, "target", LP_INT64, "2", (double[]){1, 2});
  check_not_covered(t, "mixed or integer dtypes");
}
END_TEST

START_TEST(ranks) {
  declare("{'ranks': {'min': 1, 'max': 2}}");
  lp_trial *t = plain();
  check_covered(t);
  trial_real(t, "target", "", (double[]){1});
  check_not_covered(t, "rank 0 of target");
  t = plain();
  trial_real(t, "input", "1 1 2", (double[]){1, 2});
  check_not_covered(t, "rank 3 of input");
}
END_TEST

START_TEST(reductions_and_optional_inputs) {
  declare("{'reductions': ['sum'], 'losses': {'l1': {'optional_inputs': []}}}");
  check_not_covered(plain(), "reduction mean");
  lp_trial *t = plain();
  trial_reduction(t, "sum");
  check_covered(t);
  trial_real(t, "weight", "2", (double[]){1, 2});
  check_not_covered(t, "input weight");
}
END_TEST

START_TEST(parameters) {
  declare(
      "{'losses': {'smooth_l1': {'params': {'beta': {'min': 0.5, 'max': 2}}}, 'multi_margin': {'params': {'p': "
      "[1]}}}}");
  const struct {
    double beta;
    bool covered;
  } settings[] = {{0.25, false}, {0.5, true}, {2, true}, {3, false}, {INFINITY, false}, {NAN, true}};
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    char why[64] = "";
    lp_trial *t = trial_new("smooth_l1");
    trial_real(t, "input", "2", NULL);
    trial_real(t, "target", "2", NULL);
    trial_param(t, "beta", settings[i].beta);
    ck_assert(lp_manifest_covers(&manifest, &t->c, why, sizeof why) == settings[i].covered);
    if (!settings[i].covered) ck_assert_str_eq(why, "parameter beta out of range");
    trial_free(t);
  }
  lp_trial *t = trial_new("multi_margin");
  trial_real(t, "input", "2", NULL);
  trial_index(t, "target", "", (int64_t[]){0});
  check_covered(t);
  trial_param(t, "p", 2);
  check_not_covered(t, "parameter p out of range");
}
END_TEST

START_TEST(broadcasting_is_stretching_not_another_rank_by_design) {
  declare("{'broadcasting': false}");
  lp_trial *t = plain();
  trial_real(t, "input", "2 2", NULL);
  check_not_covered(t, "broadcasting");
  t = trial_new("cosine_embedding");
  trial_real(t, "input1", "3 2", NULL);
  trial_real(t, "input2", "3 2", NULL);
  trial_real(t, "target", "3", (double[]){1, 1, -1});
  check_covered(t);
  trial_real(t, "target", "1", (double[]){1});
  check_not_covered(t, "broadcasting");
  t = trial_new("triplet_margin");
  trial_real(t, "anchor", "3 2", NULL);
  trial_real(t, "positive", "3 2", NULL);
  trial_real(t, "negative", "3 2", NULL);
  check_covered(t);
  trial_real(t, "negative", "3 1", NULL);
  check_not_covered(t, "broadcasting");
  t = trial_new("multi_margin");
  trial_real(t, "input", "2 3", NULL);
  trial_index(t, "target", "2", (int64_t[]){0, 1});
  trial_real(t, "weight", "3", NULL);
  check_covered(t);
  trial_free(t);
}
END_TEST

START_TEST(empty_tensors_upstream_gradients_and_special_values) {
  declare("{'empty': false, 'grad_output': false, 'special_values': false}");
  lp_trial *t = plain();
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "0", NULL);
  check_not_covered(t, "an empty tensor");
  t = plain();
  trial_upstream(t, "", (double[]){1});
  check_not_covered(t, "grad_output");
  t = plain();
  trial_real(t, "target", "2", (double[]){1, INFINITY});
  check_not_covered(t, "infinite or NaN inputs");
  declare("{'special_values': false}");
  t = plain();
  trial_upstream(t, "", (double[]){NAN});
  check_not_covered(t, "infinite or NaN inputs");
}
END_TEST

/* What makes a case bad is not held against the declaration; the rest of it is. */
START_TEST(bad_input_is_put_to_those_who_validate) {
  declare("{'validates': false}");
  lp_trial *t = plain();
  trial_real(t, "target", "3", NULL);
  check_not_covered(t, "rejecting bad input");
  declare(
      "{'reductions': ['sum'], 'losses': {'smooth_l1': {'params': {'beta': {'min': 0}}}, 'l1': {}}, 'dtypes': "
      "['float32']}");
  t = plain();
  trial_reduction(t, "average");
  check_not_covered(t, "dtype float64");
  declare("{'reductions': ['sum'], 'losses': {'smooth_l1': {'params': {'beta': {'min': 0}}}, 'l1': {}}}");
  t = plain();
  trial_reduction(t, "average");
  check_covered(t);
  trial_free(t);
  t = trial_new("smooth_l1");
  trial_real(t, "input", "2", NULL);
  trial_real(t, "target", "2", NULL);
  trial_reduction(t, "sum");
  trial_param(t, "beta", -1);
  check_covered(t);
  trial_free(t);
}
END_TEST

/* ---- Greetings ---- */

static lp_status greet(const char *text) {
  char json[1024];
  snprintf(json, sizeof json, "%s", text);
  for (char *c = json; *c; c++) *c = (char)(*c == '\'' ? '"' : *c);
  return lp_json_read_greeting(&manifest, arena, json, strlen(json), &failure);
}

START_TEST(a_greeting_introduces_the_candidate) {
  ck_assert_int_eq(greet("{'lossproof': {'protocol': 1}, 'name': 'm\\u001bine', 'version': '2',"
                         " 'manifest': {'losses': ['l1']}}"),
                   LP_OK);
  ck_assert_str_eq(manifest.name, "m?ine");
  ck_assert_str_eq(manifest.version, "2");
  ck_assert_str_eq(manifest.text, "{\"losses\":[\"l1\"]}");
  ck_assert(of("l1")->supported && !of("mse")->supported);
  ck_assert_int_eq(greet("{'lossproof': {'protocol': 1, 'by': 'me'}}"), LP_OK);
  ck_assert_str_eq(manifest.name, "");
  ck_assert(of("mse")->supported);
}
END_TEST

static const struct {
  const char *text, *says;
} rude[] = {
    {"Welcome!", "greeting:1:"},
    {"[]", "greeting: expected an object with \"lossproof\", got a list of 0"},
    {"{'name': 'x'}", "lossproof: expected {\"protocol\": 1}, got nothing"},
    {"{'lossproof': 1}", "lossproof: expected {\"protocol\": 1}, got 1"},
    {"{'lossproof': {}}", "lossproof.protocol: expected 1, got nothing"},
    {"{'lossproof': {'protocol': 2}}", "it speaks protocol 2, and this program protocol 1"},
    {"{'lossproof': {'protocol': 1}, 'manifets': {}}", "greeting: unknown key \"manifets\""},
    {"{'lossproof': {'protocol': 1}, 'name': 3}", "name: expected a string, got 3"},
    {"{'lossproof': {'protocol': 1}, 'manifest': {'dtypes': ['half']}}", "manifest.dtypes[0]: expected float64"},
};

START_TEST(a_greeting_that_is_none_is_told_so) {
  ck_assert_int_eq(greet(rude[_i].text), LP_INVALID);
  ck_assert_msg(strstr(failure.message, rude[_i].says), "%s\n  says %s", rude[_i].text, failure.message);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("manifest");
  TCase *tests = tcase_create("manifest");
  const TTest *const all[] = {silence_restricts_dtypes_and_layouts_alone,
                              what_stands_at_the_top_holds_for_every_loss_and_a_losss_own_over_it,
                              losses_may_be_a_list,
                              parameters_are_lists_of_values_or_intervals,
                              memory_that_runs_out_is_said,
                              a_plain_case_is_covered,
                              a_loss_that_is_not_named_is_not_covered,
                              dtypes_are_those_of_the_tensors,
                              mixed_dtypes_and_integers_among_numbers,
                              ranks,
                              reductions_and_optional_inputs,
                              parameters,
                              broadcasting_is_stretching_not_another_rank_by_design,
                              empty_tensors_upstream_gradients_and_special_values,
                              bad_input_is_put_to_those_who_validate,
                              a_greeting_introduces_the_candidate};
  tcase_add_checked_fixture(tests, open_manifest, close_manifest);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) tcase_add_test(tests, all[i]);
  tcase_add_loop_test(tests, a_mistake_is_named, 0, sizeof mistakes / sizeof mistakes[0]);
  tcase_add_loop_test(tests, a_greeting_that_is_none_is_told_so, 0, sizeof rude / sizeof rude[0]);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed > 0;
}
