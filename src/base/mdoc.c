/* base/mdoc.c - escaping for manual pages. */
#include "base/mdoc.h"

void
mdoc_text(struct bytes *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		bytes_chars(out, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			bytes_chars(out, "\\e");
		else if (*text == '-')
			bytes_chars(out, "\\-");
		else
			bytes_append(out, text, 1);
	}
}
