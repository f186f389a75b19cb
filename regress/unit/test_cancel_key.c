/*
 * test_cancel_key.c - the layout of cancel keys: what was put in is found again.
 */
#include "session/cancel_key.h"

#include "test.h"

static bool
finds(unsigned peer_id, unsigned worker, uint32_t slot, uint32_t turn)
{
	uint32_t pid = cancel_key_pid(peer_id, worker, slot, turn);
	uint32_t at = cancel_key_slot(peer_id, pid), step = cancel_key_step(peer_id);

	while (step > 0 && at < slot)
		at += step;
	return cancel_key_worker(pid) == worker && at == slot && (int32_t)pid > 0;
}

TEST("a process that is alone finds worker and slot in the key")
{
	expect(finds(0, 0, 0, 0xff));
	expect(finds(0, 63, 0, 0));
	expect(finds(0, 5, 0xffffe, UINT32_MAX));
}

TEST("who has a slot next has another process id")
{
	for (uint32_t turn = 7; turn < 7 + 31; turn++)
		expect(cancel_key_pid(0, 1, 9, turn + 1) != cancel_key_pid(0, 1, 9, 7));
}

TEST("a process with peers finds them too, by the slot's low bits")
{
	expect(finds(1, 0, 0, 0));
	expect(finds(1, 63, 127, 3));
	expect(finds(16383, 63, 128, 0xff));
	expect(finds(300, 7, 70000, 1));
}

TEST("the peer is in bytes 1 and 2, low byte first, as PgBouncer has it")
{
	uint32_t pid = cancel_key_pid(0x1234, 3, 9, 0);

	expect_int((pid >> 16) & 0xff, 0x34);
	expect_int((pid >> 8) & 0xff, 0x12);
	expect_int(cancel_key_peer(pid), 0x1234);
	expect_int(cancel_key_peer(cancel_key_pid(16383, 63, 0xffffff, 0xff)), 16383);
}

TEST("two of the process id's bits are random among peers")
{
	expect_int(cancel_key_pid(1, 0, 0, 3) ^ cancel_key_pid(1, 0, 0, 0), 0x01000080);
	expect_int(cancel_key_pid(1, 0, 0, 0xfc), cancel_key_pid(1, 0, 0, 0));
}

TEST("the hops are the low two bits of the last byte, and change nothing else")
{
	uint8_t secret[4] = {1, 2, 3, 0xa4};

	cancel_key_set_hops(secret, sizeof(secret), CANCEL_KEY_HOPS);
	expect_int(secret[3], 0xa7);
	expect_int(cancel_key_hops(secret, sizeof(secret)), 3);
	cancel_key_set_hops(secret, sizeof(secret), 1);
	expect_int(secret[3], 0xa5);
	expect_int(secret[0], 1);
}
