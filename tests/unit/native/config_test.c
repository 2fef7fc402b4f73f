/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_test.c - configuration files: what is understood, and one line that names what is not.
 */
#include "fake.h"

#include "config.h"

static struct guest_config g;
static struct machine_config m;
static char error[256];

static int guest(const char *text)
{
	char *copy = fake_tight(text, strlen(text));
	int rc = config_guest("etc/g.cfg", copy, strlen(text), &g, error, sizeof(error));

	free(copy);
	return rc;
}

static int machine(const char *text)
{
	char *copy = fake_tight(text, strlen(text));
	int rc = config_machine("guise.cfg", copy, strlen(text), &m, error, sizeof(error));

	free(copy);
	return rc;
}

#define BASE "name = \"web\"\nkernel = 'boot/vmlinuz'\n"

START_TEST(a_guest_needs_a_name_and_a_kernel)
{
	ck_assert_int_eq(guest(BASE), 0);
	ck_assert_str_eq(g.name, "web");
	ck_assert_str_eq(g.kernel, "boot/vmlinuz");
	ck_assert_uint_eq(g.memory, 512);
	ck_assert_uint_eq(g.maxmem, 512);
	ck_assert_uint_eq(g.weight, 256);
	ck_assert_uint_eq(g.cap, 0);
	ck_assert_uint_eq(g.vcpus, 1);
	ck_assert_uint_eq(g.maxvcpus, 1);
	ck_assert_uint_eq(g.cpus[31], ~0u);
	ck_assert_uint_eq(g.cpus_soft[0], 0);
	ck_assert_int_eq(g.on_poweroff, END_DESTROY);
	ck_assert_int_eq(g.on_reboot, END_RESTART);
	ck_assert_int_eq(g.on_crash, END_DESTROY);
	ck_assert_int_eq(guest("name = 'x'\n"), -1);
	ck_assert_ptr_nonnull(strstr(error, "'kernel' is missing"));
	ck_assert_int_eq(guest(""), -1);
	ck_assert_ptr_nonnull(strstr(error, "etc/g.cfg:"));
	ck_assert_ptr_nonnull(strstr(error, "'name' is missing"));
}
END_TEST

START_TEST(every_key_of_a_guest_is_understood)
{
	ck_assert_int_eq(
		guest("# a guest\n" BASE "\n"
		      "ramdisk=\"boot/initrd\"   # comment\r\n"
		      "extra = \"root=/dev/xvda1 quiet # not a comment\"\n"
		      "\tmemory = 0x400\nvcpus=4\nconsoles = 2\ncpu_weight=512\ncap=50\nmaxmem=2048\nmaxvcpus=6\n"
		      "cpus = '0-3,5,31'\ncpus_soft = \"2\"\n"
		      "on_poweroff = 'restart'\non_reboot = 'destroy'\non_crash = 'restart'\n"
		      "disk = [ 'phy:/dev/vda2,xvda,w',\n"
		      "         \"vdb, xvdc, r\", # second\n"
		      "         'target=/dev/vdc,access=ro,vdev=xvdp', ]"),
		0);
	ck_assert_str_eq(g.ramdisk, "boot/initrd");
	ck_assert_str_eq(g.extra, "root=/dev/xvda1 quiet # not a comment");
	ck_assert_uint_eq(g.memory, 1024);
	ck_assert_uint_eq(g.maxmem, 2048);
	ck_assert_uint_eq(g.weight, 512);
	ck_assert_uint_eq(g.cap, 50);
	ck_assert_uint_eq(g.vcpus, 4);
	ck_assert_uint_eq(g.maxvcpus, 6);
	ck_assert_uint_eq(g.cpus[0], 0x8000002fu);
	ck_assert_uint_eq(g.cpus[31], 0x8000002fu);
	ck_assert_uint_eq(g.cpus_soft[5], 4);
	ck_assert_uint_eq(g.consoles, 2);
	ck_assert_int_eq(g.on_poweroff, END_RESTART);
	ck_assert_int_eq(g.on_reboot, END_DESTROY);
	ck_assert_int_eq(g.on_crash, END_RESTART);
	ck_assert_uint_eq(g.nr_disks, 3);
	ck_assert_uint_eq(g.disk[0].device, 0);
	ck_assert_uint_eq(g.disk[0].partition, 2);
	ck_assert_uint_eq(g.disk[0].vdev, 51712);
	ck_assert_int_eq(g.disk[0].read_only, 0);
	ck_assert_uint_eq(g.disk[1].device, 1);
	ck_assert_uint_eq(g.disk[1].partition, 0);
	ck_assert_str_eq(g.disk[1].name, "xvdc");
	ck_assert_int_eq(g.disk[1].read_only, 1);
	ck_assert_uint_eq(g.disk[2].device, 2);
	ck_assert_uint_eq(g.disk[2].vdev, 51712 + 16 * 15);
	ck_assert_int_eq(g.disk[2].read_only, 1);
}
END_TEST

START_TEST(the_machines_keys_are_understood)
{
	ck_assert_int_eq(machine("guests = [ \"a.cfg\", 'b.cfg' ]\non_idle = \"stay\"\nexit_port = 0xf4\n"), 0);
	ck_assert_uint_eq(m.nr_guests, 2);
	ck_assert_str_eq(m.guests[1], "b.cfg");
	ck_assert_int_eq(m.stay, 1);
	ck_assert_uint_eq(m.exit_port, 0xf4);
	ck_assert_int_eq(m.control, -1);
	ck_assert_int_eq(machine("on_idle = \"poweroff\""), 0);
	ck_assert_int_eq(m.stay, 0);
	ck_assert_int_eq(machine("control = \"com3\""), 0);
	ck_assert_int_eq(m.control, 2);
	ck_assert_int_eq(machine("control = 'com1'"), -1);
	ck_assert_ptr_nonnull(strstr(error, "guise.cfg:1: 'control'"));
}
END_TEST

/* Each with the line and the word that the message must have. */
static const struct {
	const char *text, *where, *word;
} wrong[] = {
	{ BASE "colour = 1", ":3:", "colour" },
	{ BASE "memory = \"lots\"", ":3:", "memory" },
	{ BASE "memory = 12", ":3:", "memory" },
	{ BASE "memory = 99999999999999999999", ":3:", "memory" },
	{ BASE "memory = 12abc", ":3:", "memory" },
	{ BASE "memory = -5", ":3:", "memory" },
	{ BASE "memory 512", ":3:", "memory" },
	{ BASE "memory =", ":3:", "memory" },
	{ BASE "memory = 512 1", ":3:", "memory" },
	{ BASE "maxmem = 63", ":3:", "maxmem" },
	{ BASE "memory = 128\nmaxmem = 127\n", ":", "maxmem" },
	{ "name = '12'\nkernel = 'k'", ":1:", "name" },
	{ "name = 'a b'\nkernel = 'k'", ":1:", "name" },
	{ BASE "cpu_weight = 0", ":3:", "cpu_weight" },
	{ BASE "cpu_weight = 65536", ":3:", "cpu_weight" },
	{ BASE "cap = 3201", ":3:", "cap" },
	{ BASE "cpus = 3", ":3:", "cpus" },
	{ BASE "cpus = ''", ":3:", "cpus" },
	{ BASE "cpus = '32'", ":3:", "cpus" },
	{ BASE "cpus = '3-1'", ":3:", "cpus" },
	{ BASE "cpus = '1,'", ":3:", "cpus" },
	{ BASE "cpus = '-1'", ":3:", "cpus" },
	{ BASE "cpus_soft = '1-'", ":3:", "cpus_soft" },
	{ BASE "cpus = '0 1'", ":3:", "cpus" },
	{ BASE "cpus = '4294967296'", ":3:", "cpus" },
	{ BASE "vcpus = 0", ":3:", "vcpus" },
	{ BASE "vcpus = 33", ":3:", "vcpus" },
	{ BASE "maxvcpus = 33", ":3:", "maxvcpus" },
	{ BASE "vcpus = 3\nmaxvcpus = 2\n", ":", "maxvcpus" },
	{ BASE "memory = 512\n\n# x\nmemory = 512", ":6:", "memory" },
	{ BASE "name = 'again'", ":3:", "name" },
	{ BASE "ramdisk = 'no end", ":3:", "ramdisk" },
	{ BASE "ramdisk = 'no\nend'", ":3:", "ramdisk" },
	{ BASE "ramdisk = [ 'x' ]", ":3:", "ramdisk" },
	{ BASE "on_crash = 'preserve'", ":3:", "on_crash" },
	{ BASE "on_crash = 5", ":3:", "on_crash" },
	{ BASE "disk = 'vda,xvda,w'", ":3:", "disk" },
	{ BASE "disk = [ 'vda,xvda,w' 'vdb,xvdb,w' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda,xvda,w'", ":3:", "disk" },
	{ BASE "disk = [ vda ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda,xvda,w,more' ]", ":3:", "disk" },
	{ BASE "disk = [ 'hda,xvda,w' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda0,xvda,w' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda129,xvda,w' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda1x,xvda,w' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda,sda,w' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda,xvdq,w' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda,xvda1,w' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda,xvda,x' ]", ":3:", "disk" },
	{ BASE "disk = [ 'format=raw,vda' ]", ":3:", "disk" },
	{ BASE "disk = [ 'target=vda,target=vdb,vdev=xvda' ]", ":3:", "disk" },
	{ BASE "disk = [ 'vda,xvda,w',\n 'vdb,xvda,w' ]", ":4:", "disk" },
	{ BASE "disk = [\n 'vda,xvda,w',\n 'vdb,xvdb,q',\n 'vdc,xvdc,w'\n]", ":5:", "disk" },
	{ BASE "vif = 'mac=00:16:3e:00:00:01'", ":3:", "vif" },
	{ BASE "vif = [ 'mac=00:16:3e:00:00' ]", ":3:", "is no mac" },
	{ BASE "vif = [ 'mac=ff:16:3e:00:00:00' ]", ":3:", "is no mac" },
	{ BASE "vif = [ 'mac' ]", ":3:", "has no value" },
	{ BASE "vif = [ 'bridge=xenbr0' ]", ":3:", "is no bridge" },
	{ BASE "vif = [ 'bridge=net' ]", ":3:", "is no bridge" },
	{ BASE "vif = [ 'rate=10' ]", ":3:", "is no rate" },
	{ BASE "vif = [ 'rate=10Mb' ]", ":3:", "is no rate" },
	{ BASE "vif = [ 'rate=0Mb/s' ]", ":3:", "is no rate" },
	{ BASE "vif = [ 'rate=1Mb/s@' ]", ":3:", "is no rate" },
	{ BASE "vif = [ 'rate=1Mb/s@1m1' ]", ":3:", "is no rate" },
	{ BASE "vif = [ 'rate=99999999999999999999GB/s' ]", ":3:", "is no rate" },
	{ BASE "vif = [ 'antispoof=yes' ]", ":3:", "is no antispoof" },
	{ BASE "vif = [ 'model=e1000' ]", ":3:", "unknown part 'model'" },
	{ BASE "vif = [ '',\n 'bridge=net0,bridge=net1' ]", ":4:", "given twice" },
	{ BASE "= 5", ":3:", "key" },
	{ BASE "\x01", ":3:", "key" },
	{ BASE "a_key_that_is_longer_than_any_that_exists = 1", ":3:", "a_key_that_is" },
};

START_TEST(an_error_names_file_line_and_key)
{
	ck_assert_int_eq(guest(wrong[_i].text), -1);
	ck_assert_msg(!strncmp(error, "etc/g.cfg:", 10) && strstr(error, wrong[_i].where) &&
			      strstr(error, wrong[_i].word),
		      "\"%s\" for \"%s\"", error, wrong[_i].text + strlen(BASE));
	ck_assert_ptr_null(strchr(error, '\n'));
}
END_TEST

START_TEST(network_cards_are_understood)
{
	ck_assert_int_eq(guest(BASE "vif = [ 'mac=00:16:3e:01:02:03, bridge=net2,rate=10Mb/s,antispoof=1', '' ]"), 0);
	ck_assert_uint_eq(g.nr_vifs, 2);
	ck_assert_mem_eq(g.vif[0].mac, ((uint8_t[]){ 0, 0x16, 0x3e, 1, 2, 3 }), 6);
	ck_assert_uint_eq(g.vif[0].device, 2);
	ck_assert_int_eq(g.vif[0].antispoof, 1);
	ck_assert_uint_eq(g.vif[0].rate_us, 50000);
	ck_assert_uint_eq(g.vif[0].rate, 62500);
	ck_assert_uint_eq(g.vif[1].device, 0);
	ck_assert_uint_eq(g.vif[1].rate, 0);
	ck_assert_int_eq(g.vif[1].antispoof, 0);
	ck_assert_int_eq(guest(BASE "vif = [ 'rate=250KB/s@20ms', 'rate=1GB/s@1s', 'rate=8000b/s@5000u' ]"), 0);
	ck_assert_uint_eq(g.vif[0].rate, 5000);
	ck_assert_uint_eq(g.vif[0].rate_us, 20000);
	ck_assert_uint_eq(g.vif[1].rate, 1000000000);
	ck_assert_uint_eq(g.vif[2].rate, 5);
	ck_assert_uint_eq(g.vif[2].rate_us, 5000);
	ck_assert_int_eq(guest(BASE "vif = [ ]"), 0);
	ck_assert_uint_eq(g.nr_vifs, 0);
}
END_TEST

START_TEST(a_card_without_an_address_gets_one_that_stays)
{
	uint8_t first[6], second[6];

	ck_assert_int_eq(guest(BASE "vif = [ '', '' ]"), 0);
	memcpy(first, g.vif[0].mac, 6);
	memcpy(second, g.vif[1].mac, 6);
	ck_assert_mem_eq(first, "\x00\x16\x3e", 3);
	ck_assert_mem_ne(first, second, 6);
	ck_assert_int_eq(guest(BASE "memory = 600\nvif = [ 'rate=1MB/s' ]"), 0);
	ck_assert_mem_eq(g.vif[0].mac, first, 6);
	ck_assert_int_eq(guest("name = 'db'\nkernel = 'k'\nvif = [ '' ]"), 0);
	ck_assert_mem_ne(g.vif[0].mac, first, 6);
}
END_TEST

START_TEST(too_much_of_anything_is_refused)
{
	static char text[8192];
	size_t n;

	n = (size_t)sprintf(text, BASE "extra = \"");
	memset(text + n, 'x', CONFIG_STRING);
	strcpy(text + n + CONFIG_STRING, "\"\n");
	ck_assert_int_eq(guest(text), -1);
	strcpy(text + n + CONFIG_STRING - 1, "\"\n");
	ck_assert_int_eq(guest(text), 0);
	n = (size_t)sprintf(text, BASE "ramdisk = \"");
	memset(text + n, 'x', sizeof(g.ramdisk));
	strcpy(text + n + sizeof(g.ramdisk), "\"\n");
	ck_assert_int_eq(guest(text), -1);
	n = (size_t)sprintf(text, BASE "disk = [ ");
	for (unsigned i = 0; i < CONFIG_DISKS + 1; i++)
		n += (size_t)sprintf(text + n, "'vda,xvd%c,r',", 'a' + (char)i);
	strcpy(text + n, "]");
	ck_assert_int_eq(guest(text), -1);
	ck_assert_ptr_nonnull(strstr(error, "disk"));
}
END_TEST

START_TEST(more_guests_than_there_is_room_for_are_refused)
{
	static char text[4096];
	size_t n = (size_t)sprintf(text, "guests = [");

	for (unsigned i = 0; i < CONFIG_GUESTS; i++)
		n += (size_t)sprintf(text + n, "'g%u',", i);
	strcpy(text + n, "]\n");
	ck_assert_int_eq(machine(text), 0);
	ck_assert_uint_eq(m.nr_guests, CONFIG_GUESTS);
	strcpy(text + n, "'one more']\n");
	ck_assert_int_eq(machine(text), -1);
	ck_assert_ptr_nonnull(strstr(error, "guests"));
	strcpy(text + n, "]\nguests = [ 'again' ]\n");
	ck_assert_int_eq(machine(text), -1);
	ck_assert_ptr_nonnull(strstr(error, "guests"));
	ck_assert_ptr_nonnull(strstr(error, ":2:"));
	n = (size_t)sprintf(text, "guests = [ '");
	memset(text + n, 'x', 64);
	strcpy(text + n + 64, "' ]\n");
	ck_assert_int_eq(machine(text), -1);
	ck_assert_ptr_nonnull(strstr(error, "guests"));
}
END_TEST

START_TEST(drivers_have_what_is_given_for_them_or_for_all)
{
	struct driver_config d;

	ck_assert_int_eq(machine("guests = ['a']\n"), 0);
	d = config_driver(&m, "vda");
	ck_assert_uint_eq(d.restarts, 10);
	ck_assert_uint_eq(d.limit, 3000);
	ck_assert_uint_eq(d.stall, 5000);
	ck_assert_int_eq(
		machine("drivers = [ 'all,limit=300', 'vda,restarts=3, window=9,backoff=0,period=50,limit=60,stall=0,standby=1' ]\n"),
		0);
	d = config_driver(&m, "vda");
	ck_assert_uint_eq(d.restarts, 3);
	ck_assert_uint_eq(d.window, 9);
	ck_assert_uint_eq(d.backoff, 0);
	ck_assert_uint_eq(d.period, 50);
	ck_assert_uint_eq(d.limit, 60);
	ck_assert_uint_eq(d.stall, 0);
	ck_assert_uint_eq(d.standby, 1);
	d = config_driver(&m, "net0");
	ck_assert_uint_eq(d.restarts, 10);
	ck_assert_uint_eq(d.limit, 300);
	ck_assert_uint_eq(d.standby, 0);
}
END_TEST

START_TEST(what_is_wrong_about_a_driver_is_named)
{
	static const struct {
		const char *text, *names;
	} bad[] = {
		{ "drivers = 'vda'\n", "list" },
		{ "drivers = [ '' ]\n", "no device" },
		{ "drivers = [ 'restarts=3' ]\n", "no device" },
		{ "drivers = [ 'a-very-long-name' ]\n", "no device" },
		{ "drivers = [ 'vda,restart=3' ]\n", "unknown part 'restart'" },
		{ "drivers = [ 'vda,restarts' ]\n", "'restarts' has no value" },
		{ "drivers = [ 'vda,restarts=' ]\n", "'restarts' must be" },
		{ "drivers = [ 'vda,restarts=x' ]\n", "'restarts' must be" },
		{ "drivers = [ 'vda,limit=49' ]\n", "'limit' must be between 50 and 60000" },
		{ "drivers = [ 'vda,standby=2' ]\n", "'standby' must be between 0 and 1" },
		{ "drivers = [ 'vda,limit=60,limit=61' ]\n", "'limit' is given twice" },
		{ "drivers = [ 'vda', 'all', 'vda' ]\n", "'vda' is given twice" },
		{ "drivers = [ 'all', 'all' ]\n", "'all' is given twice" },
	};

	ck_assert_int_eq(machine(bad[_i].text), -1);
	ck_assert_msg(strstr(error, bad[_i].names), "%s", error);
}
END_TEST

START_TEST(a_message_that_does_not_fit_is_cut)
{
	for (size_t size = 0; size < 40; size++) {
		char small[48];

		memset(small, '#', sizeof(small));
		ck_assert_int_eq(config_guest("a/long/file/name.cfg", "what", 4, &g, small, size), -1);
		for (size_t i = size; i < sizeof(small); i++)
			ck_assert_int_eq(small[i], '#');
		ck_assert(!size || memchr(small, 0, size));
	}
}
END_TEST

SUITE(config)
{
	tcase_add_test(tc, a_guest_needs_a_name_and_a_kernel);
	tcase_add_test(tc, every_key_of_a_guest_is_understood);
	tcase_add_test(tc, the_machines_keys_are_understood);
	tcase_add_loop_test(tc, an_error_names_file_line_and_key, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(tc, network_cards_are_understood);
	tcase_add_test(tc, a_card_without_an_address_gets_one_that_stays);
	tcase_add_test(tc, too_much_of_anything_is_refused);
	tcase_add_test(tc, more_guests_than_there_is_room_for_are_refused);
	tcase_add_test(tc, drivers_have_what_is_given_for_them_or_for_all);
	tcase_add_loop_test(tc, what_is_wrong_about_a_driver_is_named, 0, 13);
	tcase_add_test(tc, a_message_that_does_not_fit_is_cut);
}
