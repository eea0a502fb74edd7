/* judge QUESTIONS ANSWERS: certify by files. The same as certify outcomes:ANSWERS QUESTIONS. */
#include "tools/cli.h"

int lp_verb_judge(int argc, char **argv) { return lp_cli_certify(argc, argv, true); }
