/* Reproducers: the C ones are compiled and run against a right plugin and a wrong one, the others are read back. */
#include "reports/reproducer.h"

#include "golden/hdf5.h"
#include "golden/json.h"
#include "reports/tests/certified.h"

#include <sys/wait.h>

static const char questions[] =
    "{\"id\": \"t/mean\", \"loss\": \"smooth_l1\", \"hunts\": \"*/ a ?\?/ trap /*\", \"inputs\": {\"input\": [1, 2.5, "
    "-4], "
    "\"target\": [0, 3, 0.5]}, \"grad_output\": -2}\n"
    "{\"id\": \"t/none\", \"loss\": \"smooth_l1\", \"dtype\": \"float32\", \"params\": {\"reduction\": \"none\", "
    "\"beta\": "
    "0.3}, \"inputs\": {\"input\": [[0.1, 1e30]], \"target\": [[0, 3]]}, \"grad_output\": [[2, 0.5]]}\n"
    "{\"id\": \"t/scalar\", \"loss\": \"smooth_l1\", \"inputs\": {\"input\": 1e-300, \"target\": 0}}\n"
    "{\"id\": \"t/inf\", \"loss\": \"smooth_l1\", \"params\": {\"reduction\": \"sum\"}, \"inputs\": {\"input\": "
    "[\"Infinity\", 1], \"target\": [0, 1.5]}}\n";

typedef struct bench {
  certified s;
} bench;

static void set_up(bench *b) { certified_set_up(&b->s, questions, right_answers); }

static void tear_down(bench *b) {
  ck_assert_int_eq(system("rm -f repro.* out"), 0);
  certified_tear_down(&b->s);
}

static const lp_judging plain = {.profile = LP_PROFILE_PYTORCH};

static void write_one(const bench *b, const char *path, int i) {
  lp_error error = {0};
  const lp_status status = lp_write_reproducer(path, &b->s.suite.entries[i].c, &plain, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
}

static int run(const char *command) {
  const int status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Compiles repro.c with the plugin of this path, runs it, and gives its exit code. */
static int exit_code_with(const char *plugin) {
  char command[1024];
  snprintf(command, sizeof command,
           "cc -std=c99 -Wall -Wextra -Werror -I'" LOSSPROOF_SOURCE_DIR "/harness/doors' repro.c '%s' -lm -o repro.out",
           plugin);
  ck_assert_msg(run(command) == 0, "%s", command);
  return run("./repro.out > out");
}

static const char idle_plugin[] =
    "#include <lossproof/plugin.h>\n"
    "static int run(const lossproof_request *q) { (void)q; return LOSSPROOF_OK; }\n"
    "static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, \"idle\", \"1\", NULL, run};\n"
    "const lossproof_descriptor *lossproof_plugin(void) { return &me; }\n";

START_TEST(the_program_tells_right_from_wrong) {
  bench b;
  set_up(&b);
  certified_write("repro.idle.c", idle_plugin);
  for (int i = 0; i < b.s.suite.count; i++) {
    write_one(&b, "repro.c", i);
    ck_assert_int_eq(exit_code_with(LOSSPROOF_SOURCE_DIR "/tools/adapters/c/smooth_l1.c"), 0);
    ck_assert_int_eq(exit_code_with("repro.idle.c"), 1);
  }
  tear_down(&b);
}
END_TEST

static const char refusing_plugin[] =
    "#include <lossproof/plugin.h>\n"
    "static int run(const lossproof_request *q) { return lossproof_reject(q, \"no\"); }\n"
    "static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, \"no\", \"1\", NULL, run};\n"
    "const lossproof_descriptor *lossproof_plugin(void) { return &me; }\n";

/* What must be rejected, in half types, with integer tensors, a reduction that is no word of ours, an empty tensor. */
START_TEST(odd_cases_compile) {
  static const char *const odd[] = {
      "{\"id\": \"x\", \"loss\": \"smooth_l1\", \"params\": {\"reduction\": \"me\\\"an\"}, \"inputs\": {\"input\": "
      "[1], "
      "\"target\": [2]}}\n",
      "{\"id\": \"x\", \"loss\": \"multi_margin\", \"dtype\": \"float16\", \"inputs\": {\"input\": [[1, 2]], "
      "\"target\": "
      "[7]}}\n",
      "{\"id\": \"x\", \"loss\": \"l1\", \"dtype\": \"bfloat16\", \"inputs\": {\"input\": [], \"target\": []}, "
      "\"shapes\": {\"input\": [0, 3], \"target\": [0, 2]}, \"dtypes\": {\"target\": \"int64\"}}\n",
      "{\"id\": \"x\", \"loss\": \"l1\", \"inputs\": {\"input\": [\"NaN\", \"-Infinity\"], \"target\": "
      "[-9223372036854775808, 1, 2]}, \"dtypes\": {\"target\": \"int64\"}}\n"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    bench b;
    certified_set_up(&b.s, odd[i], right_answers);
    certified_write("repro.no.c", refusing_plugin);
    certified_write("repro.idle.c", idle_plugin);
    write_one(&b, "repro.c", 0);
    ck_assert_int_eq(exit_code_with("repro.no.c"), 0);
    ck_assert_int_eq(exit_code_with("repro.idle.c"), 1);
    tear_down(&b);
  }
}
END_TEST

/* The case and the right answer, read back: certify of it finds the fixture right. */
START_TEST(files_hold_the_case_and_the_answer) {
  static const char *const paths[] = {"repro.json", "repro.h5"};
  bench b;
  lp_error error = {0};
  set_up(&b);
  for (int i = 0; i < b.s.suite.count; i++) {
    for (int k = 0; k < 2; k++) {
      lp_suite back;
      write_one(&b, paths[k], i);
      ck_assert_int_eq(lp_suite_init(&back, &error), LP_OK);
      ck_assert_msg((k ? lp_hdf5_read : lp_suite_read)(&back, paths[k], &error) == LP_OK, "%s", error.message);
      ck_assert_int_eq(back.count, 1);
      ck_assert_str_eq(back.entries[0].c.id, b.s.suite.entries[i].c.id);
      ck_assert(back.entries[0].has_outcome);
      const lp_tensor *sent = &b.s.suite.entries[i].c.inputs[0], *got = &back.entries[0].c.inputs[0];
      ck_assert_mem_eq(got->f64, sent->f64, (size_t)sent->numel * sizeof(double));
      ck_assert_ptr_nonnull(lp_outcome_find(&back.entries[0].outcome, 0));
      lp_suite_clear(&back);
    }
  }
  tear_down(&b);
}
END_TEST

static char *slurp(const char *path) {
  FILE *file = fopen(path, "rb");
  ck_assert_ptr_nonnull(file);
  return certified_slurp(file);
}

START_TEST(the_script_holds_every_bit) {
  bench b;
  set_up(&b);
  write_one(&b, "repro.py", 1);
  char *text = slurp("repro.py");
  ck_assert_ptr_nonnull(strstr(text, "\"0x1.99999ap-4 0x1.93e594p+99\""));
  ck_assert_ptr_nonnull(strstr(text, "def candidate(**arguments):"));
  ck_assert_ptr_nonnull(strstr(text, "F.smooth_l1_loss"));
  ck_assert_ptr_nonnull(strstr(text, "\"beta\": 0.3,"));
  ck_assert_ptr_nonnull(strstr(text, "differentiated = (\"input\", \"target\", )"));
  free(text);
  write_one(&b, "repro.py", 3);
  text = slurp("repro.py");
  ck_assert_ptr_nonnull(strstr(text, "\"inf 0x1p+0\""));
  free(text);
  tear_down(&b);
}
END_TEST

START_TEST(what_cannot_be_written_is_said) {
  bench b;
  lp_error error = {0};
  set_up(&b);
  const lp_case *c = &b.s.suite.entries[0].c;
  ck_assert_int_eq(lp_write_reproducer("repro.txt", c, &plain, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, ".py, .c, .json or .h5"));
  ck_assert_int_eq(lp_write_reproducer("nowhere/repro.py", c, &plain, &error), LP_IO);
  double *many = calloc(LP_REPRODUCER_ELEMENTS, sizeof *many);
  lp_case large = *c;
  const int64_t shape[] = {LP_REPRODUCER_ELEMENTS / 4};
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(lp_tensor_init(&large.inputs[i], LP_FLOAT64, 1, shape, &error), LP_OK);
    large.inputs[i].f64 = many;
  }
  ck_assert_int_eq(lp_write_reproducer("repro.c", &large, &plain, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "write FILE.h5"));
  ck_assert_int_ne(access("repro.c", F_OK), 0);
  ck_assert_int_eq(lp_write_reproducer("repro.h5", &large, &plain, &error), LP_OK);
  free(many);
  tear_down(&b);
}
END_TEST

/* One of every kind for every signature, not for every finding. */
START_TEST(a_folder_holds_one_of_every_signature) {
  certified s;
  lp_error error = {0};
  int n;
  certified_set_up(&s, questions_text, wrong_answers);
  ck_assert_msg(lp_write_reproducers(&n, "repros", &s.run, &error) == LP_OK, "%s", error.message);
  ck_assert_int_eq(n, 4);
  static const char *const names[] = {"mse-loss-class-NaN-for-finite", "mse-grad-input-value",
                                      "mse-grad-target-missing", "l1-acceptance-accepts"};
  static const char *const kinds[] = {"py", "c", "json", "h5"};
  for (int i = 0; i < 4; i++) {
    for (int k = 0; k < 4; k++) {
      char path[128];
      snprintf(path, sizeof path, "repros/%s.%s", names[i], kinds[k]);
      ck_assert_msg(access(path, R_OK) == 0, "%s is missing", path);
    }
  }
  ck_assert_int_eq(lp_write_reproducers(&n, "no/such/folder", &s.run, &error), LP_IO);
  ck_assert_int_eq(system("rm -r repros"), 0);
  certified_tear_down(&s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {the_program_tells_right_from_wrong, odd_cases_compile,
                                files_hold_the_case_and_the_answer, the_script_holds_every_bit,
                                what_cannot_be_written_is_said,     a_folder_holds_one_of_every_signature};
  return run_tests("reproducer", tests, sizeof tests / sizeof tests[0]);
}
