/* What another program sees of an installed liblossproof: the public header and the shared library, nothing else. */
#include <lossproof.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  static const char text[] = "{\"loss\": \"mse\", \"inputs\": {\"input\": 1, \"target\": 3}}";
  char *answer, *message;
  const int exit_code = lossproof_eval(&answer, &message, text, strlen(text));
  const int right = exit_code == 0 && answer && strstr(answer, "\"loss\": 4.0") != NULL;
  printf("%s%s", answer ? answer : "", message ? message : "");
  lossproof_free(answer);
  lossproof_free(message);
  return right ? 0 : 1;
}
