/* Which cases the laws are tried on, and derived cases as questions. */
#include "harness/derived.h"

#include <stdio.h>

#include "golden/json.h"
#include "reference/tests/testing.h"

START_TEST(one_case_in_so_many_has_its_turn) {
  int turns = 0;
  char id[32];
  for (int i = 0; i < 8000; i++) {
    snprintf(id, sizeof id, "core/l1/%04d", i);
    ck_assert(!lp_derived_is_turn(id, 0));
    ck_assert(lp_derived_is_turn(id, 1));
    turns += lp_derived_is_turn(id, 8);
    ck_assert_int_eq(lp_derived_is_turn(id, 8), lp_derived_is_turn(id, 8));
  }
  ck_assert_int_gt(turns, 850);
  ck_assert_int_lt(turns, 1150);
  ck_assert(!lp_derived_is_turn("core/l1/0001#row-nan", 1));
  ck_assert(lp_derived_is_derived("a#b") && !lp_derived_is_derived("a@b"));
}
END_TEST

START_TEST(derived_questions_follow_their_case) {
  static const char text[] = "{\"id\": \"t/a\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [0, 0]}}";
  lp_suite in, out, again;
  lp_json_shape shape;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_suite_init(&in, &error), LP_OK);
  ck_assert_int_eq(lp_suite_init(&out, &error), LP_OK);
  ck_assert_int_eq(lp_suite_init(&again, &error), LP_OK);
  ck_assert_int_eq(lp_json_read_text(&in, &shape, text, strlen(text), "q", &error), LP_OK);
  ck_assert_int_eq(lp_derived_add(&out, &in, 1, &error), LP_OK);
  ck_assert_int_gt(out.count, 10);
  ck_assert_str_eq(out.entries[0].c.id, "t/a");
  for (int i = 1; i < out.count; i++) ck_assert_int_eq(strncmp(out.entries[i].c.id, "t/a#", 4), 0);
  ck_assert_int_eq(lp_derived_add(&again, &out, 1, &error), LP_OK); /* of t/a again, of none of the others */
  ck_assert_int_eq(again.count, 2 * out.count - 1);
  lp_suite_clear(&again);
  lp_suite_clear(&out);
  lp_suite_clear(&in);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {one_case_in_so_many_has_its_turn, derived_questions_follow_their_case};
  return run_tests("derived", tests, sizeof tests / sizeof tests[0]);
}
