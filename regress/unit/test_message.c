/*
 * test_message.c - the walk over whole frames: one after the other, and no further.
 */
#include "protocol/message.h"

#include "test.h"

#define FRAMES_MOST 100

TEST("no bytes have no frame, also where there is no memory for them")
{
	struct frames frames = frames_over(FROM_CLIENT, NULL, 0, FRAMES_MOST);
	struct whole_frame frame;

	expect_int(frames_next(&frames, &frame), FRAME_WAIT);
}

TEST("frames are walked one by one, and half of one is waited for")
{
	static const char bytes[] = "S\0\0\0\4" "H\0\0\0\4" "Q\0\0\0\6";
	struct frames frames = frames_over(FROM_CLIENT, bytes, sizeof(bytes) - 1, FRAMES_MOST);
	struct whole_frame frame;

	expect_int(frames_next(&frames, &frame), FRAME_OK);
	expect_int(frame.type, 'S');
	expect_int(frame.length, 0);
	expect_int(frames_next(&frames, &frame), FRAME_OK);
	expect_int(frame.type, 'H');
	expect_int(frames_next(&frames, &frame), FRAME_WAIT);
}
