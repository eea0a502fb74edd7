/* selfcheck --zoo: every animal of the zoo through certify, on the committed fixtures and all laws. */
#include "harness/zoo/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/recast.h"
#include "reference/registry.h"
#include "tools/cli.h"

typedef struct census {
  const lp_suite *suite;
  const lp_errata *errata;
  lp_certify_options how;
  FILE *json; /* NULL: none */
  const char *dtype;
  bool narrower; /* than float64 */
  int by_kind[LP_ZOO_KINDS], alone[LP_ZOO_ORACLES], any[LP_ZOO_ORACLES];
  int fates[LP_ZOO_ACCUSED + 1];
  int narrow; /* killed, but by less than two cases, or by none of suite core */
} census;

static void print_json(const census *z, const char *name, const lp_zoo_row *row) {
  if (!z->json) return;
  /* Names and texts of the zoo hold no character that JSON would escape. */
  fprintf(z->json,
          "{\"animal\": \"%s\", \"kind\": \"%s\", \"does\": \"%s\", \"models\": \"%s\", \"dtype\": \"%s\", "
          "\"fate\": \"%s\", \"cases\": %d, \"after\": %d, \"oracle\": \"%s\", \"case\": \"%s\", \"law\": \"%s\", "
          "\"failing\": %d, \"failing_core\": %d, \"inconclusive\": %d",
          name, lp_zoo_kind_name(row->animal->kind), row->animal->does, row->animal->models, z->dtype,
          lp_zoo_fate_name(row->fate), row->ran, row->after, row->after ? lp_zoo_oracle_name(row->first) : "", row->id,
          row->law, row->failing, row->failing_core, row->inconclusive);
  for (int i = 0; i < LP_ZOO_ORACLES; i++) {
    fprintf(z->json, ", \"by_%s\": %ld", lp_zoo_oracle_name((lp_zoo_oracle)i), row->by[i]);
  }
  fputs("}\n", z->json);
}

static void print_row(const char *name, const lp_zoo_row *row) {
  printf("%-46s %-10s %-10s", name, lp_zoo_kind_name(row->animal->kind), lp_zoo_fate_name(row->fate));
  if (row->after > 0) {
    printf(" %5d %6d  %-10s %s%s%s", row->after, row->failing, lp_zoo_oracle_name(row->first), row->id,
           row->law[0] ? "  law " : "", row->law);
  } else if (row->animal->proof) {
    printf(" %s", row->animal->proof);
  }
  printf("\n");
  fflush(stdout);
}

static void count_row(census *z, const lp_zoo_row *row) {
  const lp_zoo_oracle only = lp_zoo_only_oracle(row);
  z->fates[row->fate]++;
  z->by_kind[row->animal->kind] += !row->animal->proof;
  if (row->fate != LP_ZOO_KILLED) return;
  if (only != LP_ZOO_ORACLES) z->alone[only]++;
  for (int i = 0; i < LP_ZOO_ORACLES; i++) z->any[i] += row->by[i] > 0;
  z->narrow += row->failing < 2 || row->failing_core == 0;
}

static lp_status visit(census *z, const lp_zoo_family *family, const lp_animal *animal, lp_error *error) {
  char candidate[2 * LP_NAME_MAX];
  lp_zoo_row row;
  snprintf(candidate, sizeof candidate, "zoo:%s.%s", family->loss, animal->name);
  z->how.loss = family->loss;
  LP_TRY(lp_zoo_keep(&row, candidate, animal, z->suite, z->errata, &z->how, error));
  print_row(candidate + 4, &row);
  print_json(z, candidate + 4, &row);
  count_row(z, &row);
  return LP_OK;
}

static lp_status visit_all(census *z, const lp_loss *only, lp_error *error) {
  printf("%-46s %-10s %-10s %5s %6s  %-10s %s\n", "animal", "kind", "fate", "after", "fails", "first by", "case");
  for (int f = 0; f < lp_zoo_family_count(); f++) {
    const lp_zoo_family *family = lp_zoo_family_at(f);
    if (only && strcmp(only->name, family->loss) != 0) continue;
    const lp_animal *animal;
    for (int i = 0; (animal = lp_zoo_animal(family, i)); i++) {
      if (!(z->narrower && animal->float64_only)) LP_TRY(visit(z, family, animal, error));
    }
  }
  return LP_OK;
}

static void print_counts(const census *z) {
  const int wrong = z->fates[LP_ZOO_KILLED] + z->fates[LP_ZOO_SURVIVES];
  printf("\n%-12s %6s\n", "kind", "wrong");
  for (int k = LP_ZOO_RIGHT + 1; k < LP_ZOO_KINDS; k++) {
    printf("%-12s %6d\n", lp_zoo_kind_name((lp_zoo_kind)k), z->by_kind[k]);
  }
  printf("\n%-12s %6s %6s\n", "oracle", "kills", "alone");
  for (int i = 0; i < LP_ZOO_ORACLES; i++) {
    printf("%-12s %6d %6d\n", lp_zoo_oracle_name((lp_zoo_oracle)i), z->any[i], z->alone[i]);
  }
  printf(
      "\n%s: %d of %d wrong implementations killed, %d of them by fewer than two cases or none of suite core; %d "
      "survive; %d equivalent\n",
      z->dtype, z->fates[LP_ZOO_KILLED], wrong, z->narrow, z->fates[LP_ZOO_SURVIVES], z->fates[LP_ZOO_EQUIVALENT]);
  printf("%d right siblings pass, %d accused\n", z->fates[LP_ZOO_PASSES], z->fates[LP_ZOO_ACCUSED]);
}

static unsigned recast_to(const void *context, const lp_loss *loss) {
  (void)loss;
  return *(const unsigned *)context;
}

static lp_status gather(lp_suite *suite, lp_suite *stored, const lp_loss *only, const char *dtype, lp_error *error) {
  unsigned dtypes = 0;
  int left_out;
  if (dtype) LP_TRY(lp_dtypes_parse(&dtypes, dtype, error));
  LP_TRY(lp_suite_init(stored, error));
  LP_TRY(lp_suite_init(suite, error));
  LP_TRY(lp_cli_read(stored, NULL, 0, only ? only->name : NULL, error));
  return lp_recast_suite(suite, &left_out, stored, recast_to, &dtypes, error);
}

static lp_status take_census(census *z, const lp_loss *only, const char *json, lp_error *error) {
  if (json && !(z->json = fopen(json, "w"))) return lp_fail(error, LP_IO, "%s: %s", json, strerror(errno));
  const lp_status status = visit_all(z, only, error);
  if (z->json && fclose(z->json) != 0 && status == LP_OK) return lp_fail(error, LP_IO, "%s: %s", json, strerror(errno));
  return status;
}

int lp_cli_zoo(const lp_loss *loss, const char *dtype, const char *json, int jobs) {
  lp_error error;
  lp_suite suite = {0}, stored = {0};
  lp_errata *errata = NULL;
  census z = {.dtype = dtype ? dtype : "as stored",
              .narrower = dtype && strcmp(dtype, lp_dtype_name(LP_FLOAT64)) != 0,
              .how = {.jobs = jobs, .laws_every = 1}};
  lp_status status = gather(&suite, &stored, loss, dtype, &error);
  if (status == LP_OK) status = lp_errata_read(&errata, lp_cli_errata(), &error);
  z.suite = &suite;
  z.errata = errata;
  if (status == LP_OK) status = take_census(&z, loss, json, &error);
  if (status == LP_OK) print_counts(&z);
  lp_errata_free(errata);
  if (suite.arena) lp_suite_clear(&suite);
  if (stored.arena) lp_suite_clear(&stored);
  if (status != LP_OK) return lp_cli_fail(&error);
  return z.fates[LP_ZOO_SURVIVES] + z.fates[LP_ZOO_ACCUSED] > 0 ? LP_EXIT_HARNESS : LP_EXIT_CONFORMS;
}
