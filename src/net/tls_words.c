/*
 * net/tls_words.c - the lists of protocols that the *_tls_protocols settings take.
 */
#include <string.h>
#include <strings.h>

#include "net/tls.h"

#define ALL_PROTOCOLS 0x0fu
#define SECURE_PROTOCOLS 0x0cu /* 1.2 and 1.3 */

static unsigned
protocol_word(const char *word, size_t length)
{
	static const struct {
		const char *word;
		unsigned protocols;
	} words[] = {
	    {"all", ALL_PROTOCOLS}, {"legacy", ALL_PROTOCOLS}, {"secure", SECURE_PROTOCOLS}, {"default", SECURE_PROTOCOLS},
	    {"tlsv1", ALL_PROTOCOLS}, {"tlsv1.0", 1u << 0}, {"tlsv1.1", 1u << 1}, {"tlsv1.2", 1u << 2}, {"tlsv1.3", 1u << 3},
	};

	for (size_t i = 0; i < array_length(words); i++)
		if (strlen(words[i].word) == length && strncasecmp(words[i].word, word, length) == 0)
			return words[i].protocols;
	return 0;
}

unsigned
tls_protocols_parse(const char *list)
{
	unsigned protocols = 0;

	for (;;) {
		size_t length = strcspn(list, ",:");
		const char *word = list + strspn(list, " \t");
		const char *end = list + length;
		bool negated;
		unsigned named;

		while (end > word && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		negated = word < end && *word == '!';
		word += negated;
		named = word < end ? protocol_word(word, (size_t)(end - word)) : 0;
		if (named == 0)
			return 0;
		/* What begins by taking out takes from all. */
		if (negated)
			protocols = (protocols == 0 ? ALL_PROTOCOLS : protocols) & ~named;
		else
			protocols |= named;
		if (list[length] == '\0')
			return protocols;
		list += length + 1;
	}
}
