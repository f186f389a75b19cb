/*
 * test_address.c - addresses from text and back, masks, networks.
 */
#include "base/address.h"

#include "test.h"

/* TEXT read and written again; "no" when it is no address. */
static const char *
again(const char *text)
{
	static char out[ADDRESS_TEXT];
	struct address a;

	return address_parse(text, &a) ? address_format(&a, out) : "no";
}

static struct address
address(const char *text)
{
	struct address a = {0};

	expect(address_parse(text, &a));
	return a;
}

static bool
within(const char *text, const char *network, unsigned bits)
{
	struct address a = address(text), n = address(network), mask = address_mask(n.family, bits);

	return address_is_within(&a, &n, &mask);
}

TEST("addresses are written in their one canonical form")
{
	expect_text(again("127.0.0.1"), "127.0.0.1");
	expect_text(again("0.0.0.0"), "0.0.0.0");
	expect_text(again("255.255.255.255"), "255.255.255.255");
	expect_text(again("::"), "::");
	expect_text(again("::1"), "::1");
	expect_text(again("1::"), "1::");
	expect_text(again("2001:DB8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
	expect_text(again("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
	expect_text(again("fe80:0:0:0:0:0:0:0"), "fe80::");
	expect_text(again("::ffff:1.2.3.4"), "::ffff:1.2.3.4");
	expect_text(again("1:2:3:4:5:6:7:8"), "1:2:3:4:5:6:7:8");
	expect_text(again("1:2:3:4:5:6:1.2.3.4"), "1:2:3:4:5:6:102:304");
	expect_text(again("1:2:3:4:5:6:7::"), "1:2:3:4:5:6:7:0");
}

TEST("what is nearly an address is none")
{
	static const char *const wrong[] = {"", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "01.2.3.4",
	    "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8", "1..2.3", ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7",
	    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "12345::", "g::", "::1.2.3", "1.2.3.4::", "::1%eth0",
	    "1:2:3:4:5:6:7:1.2.3.4", "localhost"};

	for (size_t i = 0; i < array_length(wrong); i++)
		expect_text(again(wrong[i]), "no");
}

TEST("a network holds the addresses that have its first bits")
{
	expect(within("10.1.2.3", "10.0.0.0", 8));
	expect_false(within("11.1.2.3", "10.0.0.0", 8));
	expect(within("10.0.0.127", "10.0.0.0", 25));
	expect_false(within("10.0.0.128", "10.0.0.0", 25));
	expect(within("200.1.2.3", "0.0.0.0", 0));
	expect_false(within("::1", "0.0.0.0", 0));
	expect_false(within("1.2.3.4", "::", 0));
	expect(within("2001:db8::5", "2001:db8::", 127 - 64));
	expect_false(within("::2", "::1", 128));
}

TEST("no address is in no network, and equal to none that is one")
{
	struct address none = {0}, zero = address("0.0.0.0"), mask = address_mask(4, 0);

	expect_false(address_is_within(&none, &zero, &mask));
	expect_false(address_is_within(&none, &none, &none));
	expect_false(address_is_equal(&none, &zero));
}

TEST("IPv4 inside of IPv6 is IPv4")
{
	struct address mapped = address("::ffff:10.1.2.3"), plain = address("10.1.2.3"), other = address("::fffe:10.1.2.3");

	mapped = address_unmap(mapped);
	other = address_unmap(other);
	expect(address_is_equal(&mapped, &plain));
	expect_int(other.family, 6);
}
