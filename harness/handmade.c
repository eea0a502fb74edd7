#include "harness/handmade.h"

#include <string.h>

#include "golden/json.h"
#include "reference/registry.h"

#define LOG_2 0.69314718055994531 /* of the two losses whose plainest value is no small fraction */
#define LOG_3 1.0986122886681098

static const lp_handmade table[] = {
    {"l1", "'inputs':{'input':[1,5,-2],'target':[3,2,2]}", "|1-3|, |5-2|, |-2-2|", 3, {2, 3, 4}},
    {"l1", "'inputs':{'input':[0.5,-1],'target':[0,1]}", "|0.5-0|, |-1-1|", 2, {0.5, 2}},
    {"l1", "'inputs':{'input':7,'target':3}", "|7-3|", 1, {4}},
    {"mse", "'inputs':{'input':[1,5,-2],'target':[3,2,2]}", "(1-3)^2, (5-2)^2, (-2-2)^2", 3, {4, 9, 16}},
    {"mse", "'inputs':{'input':[0.5,-1],'target':[0,1]}", "(0.5-0)^2, (-1-1)^2", 2, {0.25, 4}},
    {"mse", "'inputs':{'input':7,'target':3}", "(7-3)^2", 1, {16}},
    {"smooth_l1", "'inputs':{'input':[0.5,3],'target':[0,1]}", "0.5^2/2, 2-1/2", 2, {0.125, 1.5}},
    {"smooth_l1", "'params':{'beta':2},'inputs':{'input':[1,5],'target':[0,1]}", "1^2/(2*2), 4-2/2", 2, {0.25, 3}},
    {"smooth_l1", "'inputs':{'input':4,'target':0}", "4-1/2", 1, {3.5}},
    {"poisson_nll", "'inputs':{'input':[0,0],'target':[1,3]}", "e^0-1*0, e^0-3*0", 2, {1, 1}},
    {"poisson_nll", "'params':{'log_input':false},'inputs':{'input':[2,3],'target':[0,0]}", "2-0, 3-0", 2, {2, 3}},
    {"poisson_nll", "'inputs':{'input':0,'target':2}", "e^0-2*0", 1, {1}},
    {"kl_div", "'inputs':{'input':[-1,-2],'target':[1,1]}", "1*(log 1+1), 1*(log 1+2)", 2, {1, 2}},
    {"kl_div",
     "'params':{'log_target':true},'inputs':{'input':[-1,-3],'target':[0,0]}",
     "e^0*(0+1), e^0*(0+3)",
     2,
     {1, 3}},
    {"kl_div", "'inputs':{'input':[-2,-5],'target':[1,0]}", "1*(log 1+2), 0", 2, {2, 0}},
    {"margin_ranking",
     "'inputs':{'input1':[1,4],'input2':[3,2],'target':[1,1]}",
     "max(0, -(1-3)), max(0, -(4-2))",
     2,
     {2, 0}},
    {"margin_ranking",
     "'params':{'margin':1},'inputs':{'input1':[1,4],'input2':[3,2],'target':[1,-1]}",
     "max(0, -(1-3)+1), max(0, (4-2)+1)",
     2,
     {3, 3}},
    {"margin_ranking", "'inputs':{'input1':[2],'input2':[5],'target':[1]}", "max(0, -(2-5))", 1, {3}},
    {"multilabel_margin", "'inputs':{'input':[[1,0.5,2,3]],'target':[[0,-1,0,0]]}", "(0.5+2+3)/4", 1, {1.375}},
    {"multilabel_margin", "'inputs':{'input':[[2,1.5,1.5,4]],'target':[[3,0,-1,0]]}", "(0.5+0.5)/4", 1, {0.25}},
    {"multilabel_margin", "'inputs':{'input':[[0,0]],'target':[[1,-1]]}", "(1-0+0)/2", 1, {0.5}},
    {"soft_margin", "'inputs':{'input':[0,0],'target':[1,-1]}", "log(1+e^0) twice", 2, {LOG_2, LOG_2}},
    {"soft_margin", "'inputs':{'input':0,'target':1}", "log(1+e^0)", 1, {LOG_2}},
    {"soft_margin",
     "'inputs':{'input':[0,0,0],'target':[-1,1,-1]}",
     "log(1+e^0) three times",
     3,
     {LOG_2, LOG_2, LOG_2}},
    {"multi_margin", "'inputs':{'input':[[1,2],[3,0]],'target':[0,1]}", "(1-1+2)/2, (1-0+3)/2", 2, {1, 2}},
    {"multi_margin", "'params':{'p':2},'inputs':{'input':[[1,2]],'target':[0]}", "(1-1+2)^2/2", 1, {2}},
    {"multi_margin",
     "'params':{'margin':2},'inputs':{'input':[[1,2],[0,1]],'target':[0,0]}",
     "(2-1+2)/2, (2-0+1)/2",
     2,
     {1.5, 1.5}},
    {"triplet_margin",
     "'params':{'eps':0},'inputs':{'anchor':[[0,0],[0,0]],'positive':[[3,4],[0,2]],'negative':[[0,1],[4,3]]}",
     "max(0, 5-1+1), max(0, 2-5+1)",
     2,
     {5, 0}},
    {"triplet_margin",
     "'params':{'eps':0,'margin':2},'inputs':{'anchor':[[1,1]],'positive':[[4,5]],'negative':[[1,4]]}",
     "max(0, 5-3+2)",
     1,
     {4}},
    {"triplet_margin",
     "'params':{'eps':0,'p':1},'inputs':{'anchor':[[1,2]],'positive':[[4,6]],'negative':[[2,3]]}",
     "max(0, 7-2+1)",
     1,
     {6}},
    {"hinge_embedding", "'inputs':{'input':[2,0.25],'target':[1,-1]}", "2, max(0, 1-0.25)", 2, {2, 0.75}},
    {"hinge_embedding",
     "'params':{'margin':3},'inputs':{'input':[1,2],'target':[-1,-1]}",
     "max(0, 3-1), max(0, 3-2)",
     2,
     {2, 1}},
    {"hinge_embedding", "'inputs':{'input':[0.5],'target':[1]}", "0.5", 1, {0.5}},
    {"cosine_embedding",
     "'inputs':{'input1':[[1,0],[3,4]],'input2':[[0,2],[4,3]],'target':[1,-1]}",
     "1-0, 24/25",
     2,
     {1, 0.96}},
    {"cosine_embedding",
     "'params':{'margin':0.5},'inputs':{'input1':[[3,4]],'input2':[[4,3]],'target':[-1]}",
     "24/25-0.5",
     1,
     {0.46}},
    {"cosine_embedding", "'inputs':{'input1':[[3,4]],'input2':[[4,-3]],'target':[1]}", "1-(12-12)/25", 1, {1}},
    {"ctc",
     "'inputs':{'log_probs':[[[-1,-2,-3],[-4,-5,-6]]],'targets':[[2],[1]],'input_lengths':[1,1],'target_lengths':[1,1]"
     "}",
     "3, 5: one frame, one path each",
     2,
     {3, 5}},
    {"ctc",
     "'inputs':{'log_probs':[[[-1,-2]]],'targets':[[1]],'input_lengths':[1],'target_lengths':[1]}",
     "2: one frame, one path",
     1,
     {2}},
    {"ctc",
     "'inputs':{'log_probs':[[[0,0]],[[0,0]]],'targets':[[1]],'input_lengths':[2],'target_lengths':[1]}",
     "-log(1+1+1): three paths",
     1,
     {-LOG_3}},
};

int lp_handmade_count(void) { return (int)(sizeof table / sizeof table[0]); }

const lp_handmade *lp_handmade_at(int index) {
  return index >= 0 && index < lp_handmade_count() ? &table[index] : NULL;
}

/* The table writes ' for ". */
static char *question_text(lp_arena *arena, const lp_handmade *made, const char *id, lp_dtype dtype, double upstream,
                           bool reduced) {
  char grad[48] = "";
  if (reduced && upstream != 1.0) snprintf(grad, sizeof grad, ",'grad_output':%g", upstream);
  char *text = lp_arena_format(arena, "{'id':'%s','loss':'%s','dtype':'%s',%s%s}", id, made->loss, lp_dtype_name(dtype),
                               made->question, grad);
  for (char *at = text; at && *at; at++) *at = *at == '\'' ? '"' : *at;
  return text;
}

lp_status lp_handmade_add(lp_suite *suite, const lp_handmade *made, lp_dtype dtype, lp_reduction reduction,
                          double upstream, lp_error *error) {
  lp_json_shape shape;
  const int at = suite->count;
  const char *id = lp_arena_format(suite->arena, "doctor/%s/%d", made->loss, at + 1);
  const bool reduced = reduction != LP_REDUCTION_NONE;
  char *text = id ? question_text(suite->arena, made, id, dtype, upstream, reduced) : NULL;
  if (!text) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  LP_TRY(lp_json_read_text(suite, &shape, text, strlen(text), "handmade", error));
  lp_suite_entry *entry = &suite->entries[at];
  if (entry->status != LP_OK) return lp_fail(error, LP_INTERNAL, "%s: %s", id, entry->message);
  entry->c.reduction = reduction;
  entry->c.reduction_word = lp_reduction_name(reduction);
  entry->c.hunts = made->words;
  return LP_OK;
}

/* --- a choice ----------------------------------------------------------------------------------------------- */

typedef struct variant {
  lp_reduction reduction;
  double upstream;
} variant;

static const variant variants[] = {{LP_REDUCTION_MEAN, 1},  {LP_REDUCTION_NONE, 1}, {LP_REDUCTION_SUM, 2},
                                   {LP_REDUCTION_MEAN, -2}, {LP_REDUCTION_SUM, 1},  {LP_REDUCTION_MEAN, 4},
                                   {LP_REDUCTION_SUM, -1}};

enum { N_VARIANTS = sizeof variants / sizeof variants[0], PER_LOSS = 3 };

static lp_dtype nth_dtype(unsigned dtypes, int n) {
  int found[LP_BFLOAT16 + 1], count = 0;
  for (int d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
    if (dtypes & (1u << d)) found[count++] = d;
  }
  return count > 0 ? (lp_dtype)found[n % count] : LP_FLOAT64;
}

/* The case is dropped again when it is not declared. */
static lp_status try_one(lp_suite *suite, bool *taken, const lp_handmade *made, const lp_capability *can, int round,
                         const lp_manifest *manifest, lp_error *error) {
  char why[LP_MESSAGE_MAX];
  const variant *v = &variants[round % N_VARIANTS];
  LP_TRY(lp_handmade_add(suite, made, nth_dtype(can->dtypes, round), v->reduction, v->upstream, error));
  *taken = lp_manifest_covers(manifest, &suite->entries[suite->count - 1].c, why, sizeof why);
  if (!*taken) suite->count--;
  return LP_OK;
}

/* Round by round, one case of every loss: another one, in another dtype, reduced in another way. */
lp_status lp_handmade_choose(lp_suite *suite, const lp_handmade **made, int most, const lp_manifest *manifest,
                             lp_error *error) {
  int n = 0;
  for (int round = 0; round < PER_LOSS * N_VARIANTS * (LP_BFLOAT16 + 1); round++) {
    for (int i = 0; i < lp_handmade_count() && n < most; i += PER_LOSS) {
      const lp_handmade *from = &table[i + round % PER_LOSS];
      const lp_loss *loss = lp_registry_find(from->loss);
      const lp_capability *can = loss ? lp_manifest_find(manifest, loss) : NULL;
      bool taken = false;
      if (can && can->supported) LP_TRY(try_one(suite, &taken, from, can, round, manifest, error));
      if (taken) made[n++] = from;
    }
  }
  return LP_OK;
}
