/*
 * fuzz_protocol.c - libFuzzer over what a peer may send before and after its login: the
 * packet that opens a connection, its options, and the frames of either direction.
 *
 * The first byte of an input says which; the rest is what came.  Each step may look at
 * what has come and no further, makes progress or waits, and its answers fit its input.
 */
#include "protocol/message.h"
#include "protocol/startup.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_MOST ((uint32_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every word of the text is a setting or is not, and the text ends. */
static void
fuzz_options(const char *text)
{
	const char *end = text + strlen(text);
	enum option_state state;

	do {
		const char *before = text;
		char *name = NULL, *value = NULL;

		state = startup_next_option(&text, &name, &value);
		must(text <= end && (text > before || state == OPTION_END));
		must((state == OPTION_SETTING) == (name != NULL && value != NULL));
		if (state == OPTION_SETTING)
			must(name[0] != '\0' && strchr(name, '=') == NULL);
		free(name);
		free(value);
	} while (state != OPTION_END);
}

static void
fuzz_parameters(const struct startup *packet)
{
	struct reader r = reader_over(packet->body, packet->body_length);
	const char *name, *value;
	size_t texts = 0;

	while (startup_next(&r, &name, &value)) {
		texts += strlen(name) + strlen(value) + 2;
		must(name[0] != '\0');
		if (strcmp(name, "options") == 0)
			fuzz_options(value);
	}
	must(texts <= packet->body_length);
}

static void
fuzz_startup(const char *bytes, size_t length)
{
	struct startup packet = startup_read(bytes, length);

	if (packet.kind == STARTUP_WAIT) {
		must(length < STARTUP_MOST);
		return;
	}
	if (packet.kind == STARTUP_BROKEN)
		return;
	must(packet.size >= 8 && packet.size <= length && packet.size <= STARTUP_MOST);
	if (packet.kind == STARTUP_CANCEL)
		must(packet.cancel_secret_length >= 4 && packet.cancel_secret + packet.cancel_secret_length == bytes + packet.size);
	if (packet.kind == STARTUP_SESSION)
		fuzz_parameters(&packet);
}

static void
fuzz_error(const char *body, size_t length)
{
	struct error e;

	if (!message_read_error(body, length, &e))
		return;
	for (unsigned i = 0; i < 5; i++) {
		const char *texts[] = {e.severity, e.sqlstate, e.message, e.detail, e.hint};

		must(texts[i] == NULL || strlen(texts[i]) < max_of(length, (size_t)8));
	}
}

/* As the session and the pool walk them: frame by frame, a body that is whole looked at. */
static void
fuzz_frames(enum direction direction, const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		char type = 0;
		size_t size = 0;
		enum frame_state state = frame_read(direction, bytes + at, length - at, PACKET_MOST, &type, &size);

		if (state == FRAME_BROKEN)
			frame_is_too_large(direction, bytes + at, length - at);
		must(state != FRAME_WAIT || length - at < FRAME_HEAD);
		if (state != FRAME_OK || size > length - at)
			return;
		must(size >= FRAME_HEAD && size <= PACKET_MOST + 1);
		if (direction == FROM_SERVER && (type == BACKEND_ERROR || type == BACKEND_NOTICE))
			fuzz_error(bytes + at + FRAME_HEAD, size - FRAME_HEAD);
		at += size;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes, *text;

	if (size == 0)
		return 0;
	/* Of exactly its length, so that the sanitizer sees reads behind the end. */
	bytes = memory_copy(data + 1, size - 1);
	switch (data[0] & 3) {
	case 0:
		fuzz_startup(bytes, size - 1);
		break;
	case 1:
		fuzz_frames(FROM_CLIENT, bytes, size - 1);
		break;
	case 2:
		fuzz_frames(FROM_SERVER, bytes, size - 1);
		break;
	default:
		text = text_copy_n(bytes, size - 1);
		fuzz_options(text);
		free(text);
	}
	free(bytes);
	return 0;
}
