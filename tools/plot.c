/* plot LOSS...: loss and gradient of pointwise losses against their first input, drawn by gnuplot. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/arena.h"
#include "reference/plan.h"
#include "reference/registry.h"
#include "tools/cli.h"

enum { SAMPLES = 2001, MAX_CURVES = 8, LABEL = 96, PATH_LIMIT = 1024 };

/* One curve: a loss with its settings, "smooth_l1:beta=0.5". */
typedef struct curve {
  lp_case c;
  char label[LABEL];
  double held[LP_MAX_INPUTS]; /* the inputs but the first */
  double *x, *value, *slope;  /* SAMPLES each */
} curve;

static int set_by_name(curve *v, const char *name, double value) {
  const int param = lp_loss_param_index(v->c.loss, name), input = lp_loss_input_index(v->c.loss, name);
  if (param >= 0) {
    v->c.params[param] = value;
  } else if (input > 0) {
    v->held[input] = value;
  } else {
    return lp_cli_complain("plot: %s has no parameter or second input \"%s\"", v->c.loss->name, name);
  }
  return 0;
}

/* "beta=0.5,target=1": parameters, and the inputs that are held. */
static int parse_settings(curve *v, char *settings) {
  for (char *save, *word = strtok_r(settings, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
    char *equals = strchr(word, '='), *end = NULL;
    if (!equals) return lp_cli_complain("plot: expected NAME=VALUE, got \"%s\"", word);
    *equals = '\0';
    const double value = strtod(equals + 1, &end);
    if (*end || end == equals + 1) return lp_cli_complain("plot: %s: expected a number, got \"%s\"", word, equals + 1);
    const int failed = set_by_name(v, word, value);
    if (failed) return failed;
  }
  return 0;
}

static int parse_curve(curve *v, const char *word) {
  char copy[LABEL];
  if (snprintf(copy, sizeof copy, "%s", word) >= (int)sizeof copy) {
    return lp_cli_complain("plot: \"%.40s...\" is too long", word);
  }
  char *colon = strchr(copy, ':');
  if (colon) *colon = '\0';
  const lp_loss *loss = lp_cli_loss(copy);
  if (!loss) return LP_EXIT_USAGE;
  if (!loss->pointwise) return lp_cli_complain("plot: %s is not pointwise: it has no single residual", loss->name);
  lp_case_init(&v->c, loss);
  v->c.reduction = LP_REDUCTION_NONE;
  v->c.reduction_word = "none";
  for (int i = 0; i < loss->n_inputs; i++) v->held[i] = loss->inputs[i].plot_at;
  snprintf(v->label, sizeof v->label, "%s%s%s", loss->name, colon ? "  " : "", colon ? colon + 1 : "");
  return colon ? parse_settings(v, colon + 1) : 0;
}

static lp_status make_input(curve *v, lp_arena *arena, int i, double from, double to, lp_error *error) {
  const int64_t shape[] = {SAMPLES};
  lp_tensor *t = &v->c.inputs[i];
  LP_TRY(lp_tensor_init(t, LP_FLOAT64, 1, shape, error));
  LP_TRY(lp_arena_tensor(arena, t, error));
  v->c.has_input[i] = true;
  for (int k = 0; k < SAMPLES; k++) {
    /* symmetric about the middle, so that 0 is hit exactly when from = -to */
    t->f64[k] = i == 0 ? ((SAMPLES - 1 - k) * from + k * to) / (SAMPLES - 1) : v->held[i];
  }
  return LP_OK;
}

static lp_status compute(curve *v, lp_arena *arena, double from, double to, lp_error *error) {
  lp_plan plan;
  lp_outcome outcome;
  for (int i = 0; i < v->c.loss->n_inputs; i++) {
    if (!v->c.loss->inputs[i].optional) LP_TRY(make_input(v, arena, i, from, to, error));
  }
  LP_TRY(lp_plan_init(&plan, &v->c, error));
  LP_TRY(lp_arena_outcome(arena, &outcome, &plan.outcome, error));
  double *scratch = lp_arena_alloc(arena, plan.scratch + 1, sizeof(double));
  if (!scratch) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_reference_run(&outcome, &plan, scratch);
  v->x = v->c.inputs[0].f64;
  v->value = lp_outcome_loss(&outcome);
  v->slope = lp_outcome_grad(&outcome, 0);
  return LP_OK;
}

/* --- gnuplot ------------------------------------------------------------------------------------------------------ */

static const char *const colors[MAX_CURVES] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                               "#e69f00", "#56b4e9", "#000000", "#999999"};

static void write_data(FILE *plot, const curve *curves, int n) {
  for (int k = 0; k < n; k++) {
    fprintf(plot, "$curve%d << EOD\n", k);
    for (int i = 0; i < SAMPLES; i++) {
      fprintf(plot, "%.17g %.17g %.17g\n", curves[k].x[i], curves[k].value[i], curves[k].slope[i]);
    }
    fprintf(plot, "EOD\n");
  }
}

static void write_panel(FILE *plot, const curve *curves, int n, int column, const char *ylabel, const char *xlabel) {
  fprintf(plot, "set ylabel '%s'\nset xlabel '%s'\nplot ", ylabel, xlabel);
  for (int k = 0; k < n; k++) {
    fprintf(plot, "%s$curve%d using 1:%d with lines lw 2.4 lc rgb '%s' title '%s'", k ? ", " : "", k, column, colors[k],
            column == 2 ? curves[k].label : "");
  }
  fprintf(plot, "\n");
}

/* The first input of most losses is a prediction; against a target of 0 it is the residual. */
static const char *axis_label(const curve *curves, int n) {
  for (int k = 0; k < n; k++) {
    if (curves[k].held[1] != 0.0) return curves[k].c.loss->inputs[0].name;
  }
  return "residual  (input - target)";
}

static void write_script(FILE *plot, const curve *curves, int n, const char *terminal, const char *path) {
  fprintf(plot, "set terminal %s\nset output '%s'\nset encoding utf8\n", terminal, path);
  fprintf(plot,
          "set border 3 lc rgb '#444444'\nset tics nomirror\nset grid lc rgb '#dddddd' lt 1 lw 1\n"
          "set zeroaxis lc rgb '#888888' lt 1\nset key top center horizontal samplen 2 spacing 1.2\n"
          "set multiplot layout 2,1 margins 0.09,0.97,0.09,0.96 spacing 0.1\nset offsets 0,0,graph 0.06,graph 0.06\n");
  write_data(plot, curves, n);
  write_panel(plot, curves, n, 2, "loss", "");
  fprintf(plot, "unset key\n");
  write_panel(plot, curves, n, 3, "gradient", axis_label(curves, n));
  fprintf(plot, "unset multiplot\nunset output\n");
}

static int draw(const curve *curves, int n, const char *terminal, const char *path) {
  FILE *file = fopen(path, "wb"); /* gnuplot, when it cannot, draws to standard output instead */
  if (!file) return lp_cli_complain("plot: %s: %s", path, strerror(errno));
  fclose(file);
  FILE *plot = popen("gnuplot", "w");
  if (!plot) return lp_cli_complain("plot: gnuplot could not be started (Debian package gnuplot-nox)");
  write_script(plot, curves, n, terminal, path);
  if (pclose(plot) != 0) {
    return lp_cli_complain("plot: gnuplot could not draw %s (is Debian's gnuplot-nox installed?)", path);
  }
  printf("%s\n", path);
  return 0;
}

static bool ends_with(const char *text, const char *suffix) {
  const size_t n = strlen(text), s = strlen(suffix);
  return n >= s && strcmp(text + n - s, suffix) == 0;
}

static int draw_files(const curve *curves, int n, const char *output) {
  static const char svg[] = "svg size 900,720 dynamic noenhanced background rgb 'white' font 'DejaVu Sans,14'";
  static const char png[] = "pngcairo size 1350,1080 noenhanced background rgb 'white' font 'DejaVu Sans,18'";
  char path[PATH_LIMIT];
  if (strlen(output) + 5 > sizeof path || strpbrk(output, "'\\\n\"`")) {
    return lp_cli_complain("plot: -o: expected a plain path, got \"%.60s\"", output);
  }
  if (ends_with(output, ".svg")) return draw(curves, n, svg, output);
  if (ends_with(output, ".png")) return draw(curves, n, png, output);
  snprintf(path, sizeof path, "%s.svg", output);
  const int failed = draw(curves, n, svg, path);
  if (failed) return failed;
  snprintf(path, sizeof path, "%s.png", output);
  return draw(curves, n, png, path);
}

static int plot_curves(const char *const *words, int n, double from, double to, const char *output) {
  static curve curves[MAX_CURVES];
  lp_error error = {.message = "out of memory"};
  lp_arena *arena = lp_arena_new(0);
  int exit_code = arena ? 0 : lp_cli_fail(&error);
  for (int k = 0; k < n && !exit_code; k++) {
    exit_code = parse_curve(&curves[k], words[k]);
    if (!exit_code && compute(&curves[k], arena, from, to, &error) != LP_OK) exit_code = lp_cli_fail(&error);
  }
  if (!exit_code) exit_code = draw_files(curves, n, output);
  lp_arena_free(arena);
  return exit_code;
}

int lp_verb_plot(int argc, char **argv) {
  double from = -3.0, to = 3.0;
  const char *output = "losses";
  const lp_flag flags[] = {
      {"from", LP_FLAG_REAL, &from, "X", "left end (default -3)"},
      {"to", LP_FLAG_REAL, &to, "X", "right end (default 3)"},
      {"o", LP_FLAG_TEXT, &output, "FILE", "FILE.svg or FILE.png; without an ending both (default losses)"},
  };
  const lp_command command = {
      "plot LOSS[:NAME=VALUE,...] ... [options]",
      "Draws loss and gradient against the first input, the others held: smooth_l1:beta=0.5 sets a parameter,\n"
      "soft_margin:target=-1 holds an input there. Up to eight pointwise losses. Needs gnuplot.",
      flags,
      sizeof flags / sizeof flags[0],
      1,
      MAX_CURVES};
  const char *words[MAX_CURVES];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (!isfinite(from) || !isfinite(to) || from >= to) {
    return lp_cli_complain("plot: expected --from below --to, got %g and %g", from, to);
  }
  return plot_curves(words, n, from, to, output);
}
