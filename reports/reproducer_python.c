/* A reproducer for PyTorch: standard library and torch only. Numbers are hex-floats, or little-endian bytes in base64
 * where there are many, so that every bit arrives. */
#include <inttypes.h>
#include <math.h>

#include "golden/base64.h"
#include "golden/json.h"
#include "golden/packed.h"
#include "reports/reproducer_internal.h"

enum { READABLE = 256, PER_LINE = 6, BYTES_A_LINE = 81 };

static void number(FILE *out, double x) {
  if (isnan(x)) {
    fputs("nan", out);
  } else if (isinf(x)) {
    fputs(x > 0 ? "inf" : "-inf", out);
  } else {
    fprintf(out, "%a", x);
  }
}

static void element(FILE *out, const lp_tensor *t, int64_t i) {
  if (t->f64) {
    number(out, t->f64[i]);
  } else {
    fprintf(out, "%" PRId64, t->i64[i]);
  }
}

/* Neighbouring string literals are one. */
static void readable(FILE *out, const lp_tensor *t) {
  fputc('"', out);
  for (int64_t i = 0; i < t->numel; i++) {
    if (i > 0) fputs(i % PER_LINE == 0 ? " \"\n        \"" : " ", out);
    element(out, t, i);
  }
  fputc('"', out);
}

static void packed(FILE *out, const lp_tensor *t) {
  const int64_t size = (int64_t)lp_dtype_size(t->dtype), step = BYTES_A_LINE / 3 * 3 / size;
  fputs("\"base64:\"", out);
  for (int64_t first = 0; first < t->numel;) {
    /* whole groups of three bytes on every line, so that no padding falls between */
    int64_t count = step - step % 3;
    if (count > t->numel - first) count = t->numel - first;
    unsigned char bytes[BYTES_A_LINE * 8];
    char text[BYTES_A_LINE * 8 / 3 * 4 + 4];
    lp_packed_put(bytes, t, first, count);
    const size_t length = (size_t)(count * size);
    lp_base64_encode(text, bytes, length);
    fprintf(out, "\n        \"%.*s\"", (int)lp_base64_length(length), text);
    first += count;
  }
}

static void tensor(FILE *out, const lp_tensor *t) {
  fprintf(out, "tensor(torch.%s, (", lp_dtype_name(t->dtype));
  for (int i = 0; i < t->rank; i++) fprintf(out, "%s%" PRId64, i ? ", " : "", t->shape[i]);
  fputs(t->rank == 1 ? ",),\n        " : "),\n        ", out);
  if (t->numel <= READABLE) {
    readable(out, t);
  } else {
    packed(out, t);
  }
  fputc(')', out);
}

/* Budgets and expectations are kept as float64, whatever the dtype of the output. */
static void doubles(FILE *out, const lp_tensor *t) {
  lp_tensor wide = *t;
  wide.dtype = LP_FLOAT64;
  tensor(out, &wide);
}

static void parameter(FILE *out, const lp_param_spec *spec, double x) {
  char text[LP_NUMBER_TEXT];
  fprintf(out, "    \"%s\": ", spec->name);
  if (spec->type == LP_PARAM_BOOL) {
    fputs(x != 0.0 ? "True" : "False", out);
  } else if (!isfinite(x)) {
    fputs("float(\"", out);
    number(out, x);
    fputs("\")", out);
  } else if (spec->type == LP_PARAM_INT && x == floor(x) && fabs(x) < 0x1p53) {
    fprintf(out, "%.0f", x);
  } else {
    lp_json_number(text, x);
    fputs(text, out);
  }
  fputs(",\n", out);
}

static void head(FILE *out, const lp_case *c) {
  fputs("#!/usr/bin/env python3\n# ", out);
  lp_reproducer_comment(out, c->id);
  if (*c->hunts) {
    fputs("\n# hunts: ", out);
    lp_reproducer_comment(out, c->hunts);
  }
  fprintf(out,
          "\n#\n# Needs PyTorch only. Put your own function in the place that is marked, and run the file: it prints\n"
          "# every number beside the right one, and its exit code is 1 when one is outside its budget.\n"
          "# What is right was proven by lossproof %s in ball arithmetic.\n"
          "import base64\nimport math\nimport sys\n\nimport torch\nimport torch.nn.functional as F\n\n\n",
          LOSSPROOF_VERSION);
}

static void candidate(FILE *out, const lp_loss *loss) {
  fprintf(out,
          "def candidate(**arguments):\n"
          "    # ---- YOUR FUNCTION GOES HERE ----\n"
          "    # It takes what torch.nn.functional.%s takes, by name, and returns the loss.\n"
          "    return F.%s(**arguments)\n\n\n",
          loss->functional, loss->functional);
}

static void reader(FILE *out) {
  fputs(
      "def tensor(dtype, shape, text):\n"
      "    if text.startswith(\"base64:\"):\n"
      "        return torch.frombuffer(bytearray(base64.b64decode(text[7:])), dtype=dtype).reshape(shape)\n"
      "    read = float.fromhex if dtype.is_floating_point else int\n"
      "    return torch.tensor([read(word) for word in text.split()], dtype=dtype).reshape(shape)\n\n\n",
      out);
}

static void question(FILE *out, const lp_expected *x) {
  const lp_case *c = x->c;
  fputs("inputs = {\n", out);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    fprintf(out, "    \"%s\": ", c->loss->inputs[i].name);
    tensor(out, &c->inputs[i]);
    fputs(",\n", out);
  }
  fputs("}\nparameters = {\n", out);
  for (int i = 0; i < c->loss->n_params; i++) parameter(out, &c->loss->params[i], c->params[i]);
  fputs("    \"reduction\": ", out);
  lp_json_write_text(out, c->reduction_word);
  fputs(",\n}\ngrad_output = ", out); /* None: ones */
  if (c->has_grad_output) {
    tensor(out, &c->grad_output);
  } else {
    fputs("None", out);
  }
  fputs("\n\n", out);
}

static void answer(FILE *out, const lp_expected *x) {
  fputs("differentiated = (", out);
  for (int i = 0; i < x->c->loss->n_inputs; i++) {
    if (x->c->has_input[i] && x->c->loss->inputs[i].differentiable && x->c->inputs[i].f64) {
      fprintf(out, "\"%s\", ", x->c->loss->inputs[i].name);
    }
  }
  fprintf(out, ")\nmust_reject = %s\nmay_reject = %s\n", x->rejected && !x->either ? "True" : "False",
          x->either ? "True" : "False");
  fputs(
      "# name: (dtype, value, rest, budget). The true number is value + rest; a budget of inf claims nothing.\n"
      "expected = {\n",
      out);
  for (int k = 0; k < x->value.n_outputs; k++) {
    char name[LP_NAME_MAX];
    lp_output_name(name, x->c->loss, x->value.outputs[k].input);
    fprintf(out, "    \"%s\": (torch.%s, ", name, lp_dtype_name(x->value.outputs[k].tensor.dtype));
    doubles(out, &x->value.outputs[k].tensor);
    fputs(", ", out);
    doubles(out, &x->rest.outputs[k].tensor);
    fputs(", ", out);
    doubles(out, &x->budget.outputs[k].tensor);
    fputs("),\n", out);
  }
  fputs("}\n\n\n", out);
}

static void machinery(FILE *out, const lp_loss *loss) {
  fputs(
      "def outcome(function):  # a refusal or None, and the outputs: every gradient by a call of its own\n"
      "    outputs = {}\n"
      "    try:\n"
      "        outputs[\"loss\"] = function(**{n: t.clone() for n, t in inputs.items()}, **parameters).detach()\n"
      "        for name in differentiated:\n"
      "            arguments = {n: t.clone() for n, t in inputs.items()}\n"
      "            loss = function(**{**arguments, name: arguments[name].requires_grad_()}, **parameters)\n"
      "            if loss.requires_grad:\n"
      "                loss.backward(torch.ones_like(loss) if grad_output is None else grad_output)\n"
      "            outputs[f\"grad/{name}\"] = arguments[name].grad\n"
      "    except (RuntimeError, ValueError, TypeError, IndexError) as error:\n"
      "        return str(error).strip().split(\"\\n\")[0], {}\n"
      "    return None, outputs\n\n\n"
      "def right(got, dtype, value, rest, budget):\n"
      "    if math.isinf(budget):\n"
      "        return True\n"
      "    if math.isnan(value) or math.isnan(got):\n"
      "        return math.isnan(value) and math.isnan(got)\n"
      "    if math.isinf(got) and not math.isinf(value):  # what the dtype makes of a number that is too large\n"
      "        return got * value > 0 and abs(value) + budget >= torch.finfo(dtype).max * (1 + torch.finfo(dtype).eps "
      "/ 4)\n"
      "    return got == value or abs((got - value) - rest) <= budget\n\n\n"
      "def flat(outputs, name, shape):\n"
      "    got = outputs.get(name)\n"
      "    if got is None or got.shape != shape:\n"
      "        return None\n"
      "    return got.detach().cpu().double().reshape(-1).tolist()\n\n\n"
      "def main():\n"
      "    refusal, mine = outcome(candidate)\n",
      out);
  fprintf(out, "    refusal_of_pytorch, pytorch = outcome(F.%s)\n", loss->functional);
  fputs(
      "    print(f\"PyTorch {torch.__version__}:\", refusal_of_pytorch or \"accepts\")\n"
      "    print(\"candidate:\", refusal or \"accepts\")\n"
      "    if must_reject or refusal:\n"
      "        fine = refusal is not None if must_reject else may_reject\n"
      "        print(\"right\" if fine else \"WRONG: it must be \" + (\"rejected\" if must_reject else \"accepted\"))\n"
      "        return 0 if fine else 1\n"
      "    wrong = 0\n"
      "    for name, (dtype, value, rest, budget) in expected.items():\n"
      "        got, torchs = flat(mine, name, value.shape), flat(pytorch, name, value.shape)\n"
      "        if got is None:\n"
      "            print(f\"{name}: WRONG: missing, or of another shape than {tuple(value.shape)}\")\n"
      "            wrong += 1\n"
      "            continue\n"
      "        rows = zip(got, torchs or [math.nan] * len(got), value.reshape(-1).tolist(), "
      "rest.reshape(-1).tolist(),\n"
      "                   budget.reshape(-1).tolist())\n"
      "        for i, (g, t, v, r, b) in enumerate(rows):\n"
      "            fine = right(g, dtype, v, r, b)\n"
      "            wrong += not fine\n"
      "            if fine and len(got) > 64:\n"
      "                continue\n"
      "            print(f\"{name}[{i}]  candidate {g!r}  PyTorch {t!r}  expected {v!r}  budget {b:.3g}\"\n"
      "                  + (\"\" if fine else \"  WRONG\"))\n"
      "    print(f\"{wrong} wrong\")\n"
      "    return 1 if wrong else 0\n\n\n"
      "sys.exit(main())\n",
      out);
}

void lp_reproducer_python(FILE *out, const lp_expected *x) {
  head(out, x->c);
  candidate(out, x->c->loss);
  reader(out);
  question(out, x);
  answer(out, x);
  machinery(out, x->c->loss);
}
