/* The zoo: animals are told apart from their right siblings, and a survivor or a false alarm would be seen. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/generate.h"
#include "harness/zoo/keeper.h"
#include "reference/registry.h"

static lp_suite suite;
static lp_errata *errata;

static void set_up(void) {
  lp_error error;
  const lp_generate_options how = {.seed = 1, .minimum = 50, .dtype = LP_FLOAT64, .suite = "core"};
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_generate(&suite, lp_registry_find("l1"), &how, &error), LP_OK);
}

static void tear_down(void) { lp_suite_clear(&suite); }

static lp_zoo_row keep(const char *name, const lp_animal *animal) {
  lp_error error;
  lp_zoo_row row;
  const lp_certify_options options = {.jobs = 1, .laws_every = 8};
  ck_assert_msg(lp_zoo_keep(&row, name, animal, &suite, errata, &options, &error) == LP_OK, "%s", error.message);
  return row;
}

static const lp_animal *find(const char *name) {
  const lp_zoo_family *family;
  const lp_animal *animal = lp_zoo_find(name, &family);
  ck_assert_ptr_nonnull(animal);
  return animal;
}

START_TEST(test_kills_wrong) {
  const lp_zoo_row row = keep("zoo:l1.no-abs", find("l1.no-abs"));
  ck_assert_int_eq(row.fate, LP_ZOO_KILLED);
  ck_assert_int_gt(row.after, 0);
  ck_assert_int_gt(row.failing_core, 1);
  ck_assert_int_gt(row.by[LP_ZOO_BY_VALUE], 0);
  ck_assert(row.id[0] != '\0');
}
END_TEST

START_TEST(test_passes_right) {
  const lp_zoo_row row = keep("zoo:l1.pairwise", find("l1.pairwise"));
  ck_assert_int_eq(row.fate, LP_ZOO_PASSES);
  ck_assert_int_eq(row.after, 0);
}
END_TEST

/* A right implementation that is declared to be wrong stands for a wrong one that nothing sees. */
START_TEST(test_sees_survivor) {
  const lp_zoo_row row = keep("zoo:l1.pairwise", find("l1.no-abs"));
  ck_assert_int_eq(row.fate, LP_ZOO_SURVIVES);
  ck_assert(lp_zoo_is_fault(row.fate));
}
END_TEST

/* And the other way round; likewise one that is marked as equivalent and is not. */
START_TEST(test_sees_false_alarm) {
  lp_animal marked = *find("l1.no-abs");
  marked.proof = "it is said to be";
  ck_assert_int_eq(keep("zoo:l1.no-abs", find("l1.pairwise")).fate, LP_ZOO_ACCUSED);
  ck_assert_int_eq(keep("zoo:l1.no-abs", &marked).fate, LP_ZOO_ACCUSED);
  ck_assert_int_eq(keep("zoo:l1.pairwise", &marked).fate, LP_ZOO_EQUIVALENT);
  ck_assert(lp_zoo_is_fault(LP_ZOO_ACCUSED) && !lp_zoo_is_fault(LP_ZOO_EQUIVALENT));
}
END_TEST

START_TEST(test_only_oracle) {
  lp_zoo_row row = {.by = {0}};
  ck_assert_int_eq(lp_zoo_only_oracle(&row), LP_ZOO_ORACLES);
  row.by[LP_ZOO_BY_LAW] = 2;
  ck_assert_int_eq(lp_zoo_only_oracle(&row), LP_ZOO_BY_LAW);
  row.by[LP_ZOO_BY_VALUE] = 1;
  ck_assert_int_eq(lp_zoo_only_oracle(&row), LP_ZOO_ORACLES);
}
END_TEST

static int count_kinds(int by_kind[LP_ZOO_KINDS]) {
  int wrong = 0;
  for (int f = 0; f < lp_zoo_family_count(); f++) {
    const lp_animal *animal;
    for (int i = 0; (animal = lp_zoo_animal(lp_zoo_family_at(f), i)); i++) {
      by_kind[animal->kind]++;
      wrong += animal->kind != LP_ZOO_RIGHT;
    }
  }
  return wrong;
}

START_TEST(test_is_mixed) {
  int by_kind[LP_ZOO_KINDS] = {0};
  const int wrong = count_kinds(by_kind);
  ck_assert_int_eq(lp_zoo_family_count(), lp_registry_count());
  ck_assert_int_ge(wrong, 150);
  for (int k = LP_ZOO_VALUE; k < LP_ZOO_KINDS; k++) ck_assert_int_le(3 * by_kind[k], wrong);
}
END_TEST

/* Names are found and distinct, and every animal says what it does, in words that JSON need not escape. */
START_TEST(test_is_labelled) {
  for (int f = 0; f < lp_zoo_family_count(); f++) {
    const lp_zoo_family *family = lp_zoo_family_at(f), *found;
    const lp_animal *animal;
    for (int i = 0; (animal = lp_zoo_animal(family, i)); i++) {
      char name[2 * LP_NAME_MAX];
      snprintf(name, sizeof name, "%s.%s", family->loss, animal->name);
      ck_assert_msg(lp_zoo_find(name, &found) == animal && found == family, "%s", name);
      ck_assert(animal->does[0] != '\0' && animal->models[0] != '\0');
      ck_assert_ptr_null(strpbrk(animal->does, "\"\\"));
    }
  }
}
END_TEST

START_TEST(test_unknown_animal) {
  lp_error error;
  lp_candidate *candidate;
  ck_assert_int_eq(lp_candidate_open(&candidate, "zoo:l1.unicorn", NULL, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "unicorn"));
}
END_TEST

int main(void) {
  Suite *all = suite_create("zoo");
  TCase *tests = tcase_create("zoo");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, test_kills_wrong);
  tcase_add_test(tests, test_passes_right);
  tcase_add_test(tests, test_sees_survivor);
  tcase_add_test(tests, test_sees_false_alarm);
  tcase_add_test(tests, test_only_oracle);
  tcase_add_test(tests, test_is_mixed);
  tcase_add_test(tests, test_is_labelled);
  tcase_add_test(tests, test_unknown_animal);
  tcase_set_timeout(tests, 120);
  suite_add_tcase(all, tests);
  SRunner *runner = srunner_create(all);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
