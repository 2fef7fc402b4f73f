/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * def_test.c - definitions: what is understood, what is kept, and the name of what cannot be done.
 */
#include "../test.h"

#include "fake.h"

#define DISK \
	"<disk type='file'><driver name='qemu' type='qcow2'/><source file='/a.qcow2'/><target dev='xvda' bus='xen'/></disk>"
#define CARD "<interface type='bridge'><mac address='00:16:3e:01:02:03'/><source bridge='net1'/></interface>"
#define NOTE \
	"<metadata><os:libosinfo xmlns:os='http://os/1'><os:os id='http://debian.org/12'/></os:libosinfo></metadata>"

static struct error e;

static struct def *parse(const char *text)
{
	e.code = 0;
	return def_parse(text, &e);
}

START_TEST(a_definition_is_understood)
{
	struct def *d = parse(fake_xml("web", "<on_crash>restart</on_crash>", DISK CARD));

	ck_assert_msg(d != NULL, "%s", e.text);
	ck_assert_str_eq(d->name, "web");
	ck_assert_uint_eq(d->max_kib, 256 << 10);
	ck_assert_uint_eq(d->vcpus, 2);
	ck_assert_str_eq(d->kernel, "/boot/k");
	ck_assert_str_eq(d->ramdisk, "/boot/i");
	ck_assert_str_eq(d->cmdline, "root=/dev/xvda");
	ck_assert(!d->restart_poweroff && d->restart_reboot && d->restart_crash);
	ck_assert_uint_eq(d->nr_disks, 1);
	ck_assert_str_eq(d->disk[0].source, "/a.qcow2");
	ck_assert_str_eq(d->disk[0].target, "xvda");
	ck_assert(d->disk[0].qcow2 && !d->disk[0].read_only);
	ck_assert_uint_eq(d->nr_vifs, 1);
	ck_assert_uint_eq(d->vif[0].bridge, 1);
	ck_assert_str_eq(d->vif[0].mac, "00:16:3e:01:02:03");
	ck_assert_uint_eq(d->consoles, 1);
	def_free(d);
}
END_TEST

static const struct {
	const char *from, *to, *error;
} wrong[] = {
	{ "<domain type='xen'>", "<domain type='kvm'>", "domain: type='kvm' is not supported" },
	{ "<domain type='xen'>", "<domain>", "domain: attribute 'type' is missing" },
	{ "<name>web</name>", "", "element 'name' is missing" },
	{ "<name>web</name>", "<name>a/b</name>", "name: 'a/b' has a character" },
	{ "<name>web</name>", "<name>17</name>", "name: '17' is a number" },
	{ "<name>web</name>", "<name></name>", "name: it is empty" },
	{ "<memory unit='MiB'>256</memory>", "", "element 'memory' is missing" },
	{ "unit='MiB'", "unit='mile'", "memory: unit 'mile' is unknown" },
	{ ">256<", ">2<", "memory: less than 64 MiB" },
	{ ">256<", ">99999999<", "memory: '99999999' is no amount of memory" },
	{ "<vcpu>2</vcpu>", "<vcpu>33</vcpu>", "vcpu: '33' is not between 1 and 32" },
	{ "<vcpu>2</vcpu>", "<vcpu current='3'>2</vcpu>", "vcpu: current='3' is not between 1 and 2" },
	{ "<vcpu>2</vcpu>", "<vcpu cpuset='1'>2</vcpu>", "vcpu: cpuset='1' is not supported" },
	{ "<vcpu>2</vcpu>", "<cpu mode='host-passthrough'/>", "cpu is not supported" },
	{ "<vcpu>2</vcpu>", "<clock offset='localtime'/>", "clock: offset='localtime' is not supported" },
	{ "<vcpu>2</vcpu>", "<features><acpi/><hyperv/></features>", "features/hyperv is not supported" },
	{ "<vcpu>2</vcpu>", "<vcpu current='0'>2</vcpu>", "vcpu: current='0' is not between 1 and 2" },
	{ "<type machine='xenpv'>linux</type>", "", "element 'os/type' is missing" },
	{ ">linux<", ">hvm<", "os/type: 'hvm' is not supported" },
	{ "machine='xenpv'", "machine='q35'", "os/type: machine='q35' is not supported" },
	{ "<kernel>/boot/k</kernel>", "", "element 'os/kernel' is missing" },
	{ "<kernel>/boot/k</kernel>", "<kernel>k</kernel>", "os/kernel: 'k' is no absolute path" },
	{ "<cmdline>", "<loader>/x</loader><cmdline>", "os/loader is not supported" },
	{ "root=/dev/xvda", "a=\"b\" c='d'", "os/cmdline: it has both kinds of quotes" },
	{ "<devices>", "<cputune><vcpupin/></cputune><devices>", "cputune/vcpupin is not supported" },
	{ "<devices>", "<cputune><shares>x</shares></cputune><devices>", "cputune/shares: 'x' is no number" },
	{ "<devices>", "<numatune/><devices>", "numatune is not supported" },
	{ "<devices>", "<on_reboot>preserve</on_reboot><devices>", "on_reboot: 'preserve' is not supported" },
	{ "<devices>", "<uuid>17</uuid><devices>", "uuid: '17' is none" },
	{ "<devices>", "<frob/><devices>", "domain/frob is not supported" },
	{ "<devices>", "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'/><devices>",
	  "domain/commandline is not supported" },
	{ "<os>", "<os firmware='efi'>", "os: firmware='efi' is not supported" },
	{ "<vcpu>2</vcpu>", "<vcpu placement='auto'>2</vcpu>", "vcpu: placement='auto' is not supported" },
	{ "<vcpu>2</vcpu>", "<clock offset='utc'><timer name='tsc'/></clock>", "clock/timer is not supported" },
	{ "<devices>", "<devices><hostdev/>", "devices/hostdev is not supported" },
	{ "<devices>", "<devices><controller type='usb'/>", "controller: type='usb' is not supported" },
	{ "<devices>", "<devices><memballoon model='xen'><stats period='5'/></memballoon>",
	  "memballoon/stats is not supported" },
	{ "<devices>", "<devices><console/>", "console: attribute 'type' is missing" },
	{ "<devices>", "<devices><console type='pty'><log file='/l'/></console>", "console/log is not supported" },
	{ "<devices>", "<devices><serial type='tcp'/>", "serial: type='tcp' is not supported" },
	{ "<target dev='xvda'", "<boot order='1'/><target dev='xvda'", "disk/boot is not supported" },
	{ "<target dev='xvda'", "<backingStore type='file'/><target dev='xvda'",
	  "disk/backingStore: type='file' is not" },
	{ "<target dev='xvda'", "<target removable='on' dev='xvda'", "disk/target: removable='on' is not supported" },
	{ "type='qcow2'", "type='qcow2' cache='none'", "disk/driver: cache='none' is not supported" },
	{ "type='qcow2'", "type='qcow2' io='native'", "disk/driver: io='native' is not supported" },
	{ "<source file='/a.qcow2'/>", "<source file='/a.qcow2'><seclabel/></source>",
	  "disk/source/seclabel is not supported" },
	{ "<interface type='bridge'>", "<interface type='bridge'><link state='down'/>",
	  "interface/link is not supported" },
	{ "<interface type='bridge'>", "<interface type='bridge'><bandwidth><inbound average='9'/></bandwidth>",
	  "interface/bandwidth/inbound is not supported" },
	{ "<interface type='bridge'>",
	  "<interface type='bridge'><bandwidth><outbound average='9' burst='9'/></bandwidth>",
	  "interface/bandwidth/outbound: burst='9' is not supported" },
	{ "<interface type='bridge'>", "<interface type='network'>",
	  "interface: attribute 'source/network' is missing" },
	{ "bus='xen'", "bus='ide'", "disk/target: bus='ide' is not supported" },
	{ "dev='xvda'", "dev='sda'", "disk/target: dev='sda' is not one of" },
	{ "type='qcow2'", "type='vmdk'", "disk/driver: type='vmdk' is not supported" },
	{ "<disk type='file'>", "<disk type='network'>", "disk: type='network' is not supported" },
	{ "<disk type='file'>", "<disk type='file' device='cdrom'>", "disk: device='cdrom' is not supported" },
	{ "<source file='/a.qcow2'/>", "", "disk xvda: element 'source' is missing" },
	{ "<source file='/a.qcow2'/>", "<source file='a'/>", "disk xvda: source 'a' is no absolute path" },
	{ "<source file='/a.qcow2'/>", "<source file='guise:nix'/>", "'guise:nix' is no disk" },
	{ "<interface type='bridge'>", "<interface type='direct'>", "interface: type='direct' is not supported" },
	{ "<interface type='bridge'>", "<interface>", "interface: attribute 'type' is missing" },
	{ "bridge='net1'", "bridge='br0'", "interface/source: bridge='br0' is no network" },
	{ "00:16:3e:01:02:03", "01:16:3e:01:02:03", "is an address of many" },
	{ "00:16:3e:01:02:03", "00:16:3e:01:02", "is no address" },
	{ "<interface type='bridge'>", "<interface type='bridge'><mtu size='9000'/>",
	  "interface/mtu is not supported" },
	{ "<domain type='xen'>", "<!DOCTYPE x [<!ENTITY a 'b'>]><domain type='xen'>",
	  "a document type is not allowed" },
	{ "</domain>", "", "line 1: " },
	{ "<domain", "<network", "line 1: " },
};

START_TEST(what_is_wrong_is_named)
{
	const char *text = fake_xml("web", "", DISK CARD), *at = strstr(text, wrong[_i].from);
	char changed[9000];
	struct def *d;

	ck_assert_ptr_nonnull(at);
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, wrong[_i].to,
		 at + strlen(wrong[_i].from));
	d = parse(changed);
	ck_assert_msg(!d, "it was taken: %s", changed);
	ck_assert_msg(strstr(e.text, wrong[_i].error) != NULL, "'%s' is not in '%s'", wrong[_i].error, e.text);
}
END_TEST

START_TEST(what_others_note_is_kept)
{
	struct def *d = parse(fake_xml("web", NOTE, ""));
	char *text;

	ck_assert_msg(d != NULL, "%s", e.text);
	text = def_text(d, 7);
	ck_assert_ptr_nonnull(strstr(text, "<os:os id=\"http://debian.org/12\"/>"));
	ck_assert_ptr_nonnull(strstr(text, " id=\"7\""));
	free(text);
	def_free(d);
}
END_TEST

/* As libvirt's driver for Xen shows a guest of its own. */
START_TEST(what_xen_wrote_is_taken)
{
	struct def *d = parse(
		"<domain type='xen' id='3'><name>web</name><memory unit='KiB'>262144</memory><currentMemory unit='KiB'>262144"
		"</currentMemory><vcpu placement='static'>1</vcpu><os><type arch='x86_64' machine='xenpv'>linux</type>"
		"<kernel>/k</kernel></os><clock offset='utc' adjustment='reset'/><on_poweroff>destroy</on_poweroff><devices>"
		"<emulator>/usr/lib/xen/bin/qemu</emulator><disk type='block' device='disk'><driver name='phy' type='raw'/>"
		"<source dev='/dev/vg/web'/><backingStore/><target dev='xvda' bus='xen'/></disk>"
		"<controller type='xenbus' index='0'/><interface type='bridge'><mac address='00:16:3e:01:02:03'/>"
		"<source bridge='net0'/><target dev='vif3.0'/></interface><console type='pty' tty='/dev/pts/2'>"
		"<source path='/dev/pts/2'/><target type='xen' port='0'/></console><memballoon model='xen'/></devices></domain>");

	ck_assert_msg(d != NULL, "%s", e.text);
	ck_assert_uint_eq(d->nr_disks, 1);
	def_free(d);
}
END_TEST

START_TEST(what_is_missing_is_made_once)
{
	struct def *d = parse(fake_xml("web", "", "<interface type='user'/>")), *again;
	char *text = def_text(d, -1), *second;

	again = parse(text);
	ck_assert_msg(again != NULL, "%s", e.text);
	ck_assert_mem_eq(d->uuid, again->uuid, UUID_BYTES);
	ck_assert_str_eq(d->vif[0].mac, again->vif[0].mac);
	second = def_text(again, -1);
	ck_assert_str_eq(text, second);
}
END_TEST

START_TEST(twice_is_once_too_often)
{
	ck_assert_ptr_null(parse(fake_xml("web", "", DISK DISK)));
	ck_assert_str_eq(e.text, "disk/target: dev='xvda' is there twice");
	ck_assert_ptr_null(parse(fake_xml("web", "", CARD CARD)));
	ck_assert_str_eq(e.text, "interface/mac: '00:16:3e:01:02:03' is there twice");
}
END_TEST

START_TEST(devices_come_and_go)
{
	struct def *d = parse(fake_xml("web", "", DISK)), *more, *less;
	int disk, vif;

	more = def_attach(d, CARD, &disk, &vif, &e);
	ck_assert_msg(more != NULL, "%s", e.text);
	ck_assert_int_eq(disk, -1);
	ck_assert_int_eq(vif, 0);
	ck_assert_ptr_null(def_attach(more, DISK, &disk, &vif, &e));
	e.code = 0;
	less = def_detach(more, CARD, &disk, &vif, &e);
	ck_assert_msg(less != NULL, "%s", e.text);
	ck_assert_uint_eq(less->nr_vifs, 0);
	ck_assert_uint_eq(less->nr_disks, 1);
	ck_assert_ptr_null(def_detach(less, CARD, &disk, &vif, &e));
	ck_assert_str_eq(e.text, "interface 00:16:3e:01:02:03 is not attached");
	e.code = 0;
	ck_assert_ptr_null(def_attach(d, "<graphics/>", &disk, &vif, &e));
}
END_TEST

START_TEST(shares_and_caps_are_those_of_the_schedulers)
{
	struct def *d = parse(fake_xml(
		"web", "<cputune><shares>512</shares><period>100000</period><quota>25000</quota></cputune>", ""));

	ck_assert_msg(d != NULL, "%s", e.text);
	ck_assert_uint_eq(d->weight, 512);
	ck_assert_uint_eq(d->cap, 50); /* of two vCPUs */
	d = def_set_sched(d, 100, 75, &e);
	ck_assert_uint_eq(d->weight, 100);
	ck_assert_uint_eq(d->cap, 75);
}
END_TEST

START_TEST(memory_stays_below_its_maximum)
{
	struct def *d = parse(fake_xml("web", "", "")), *less = def_set_memory(d, 128 << 10, false, &e);

	ck_assert_msg(less != NULL, "%s", e.text);
	ck_assert_uint_eq(less->memory_kib, 128 << 10);
	ck_assert_uint_eq(less->max_kib, 256 << 10);
	ck_assert_ptr_null(def_set_memory(d, 512 << 10, false, &e));
	e.code = 0;
	less = def_set_memory(d, 100 << 10, true, &e);
	ck_assert_uint_eq(less->max_kib, 100 << 10);
	ck_assert_uint_eq(less->memory_kib, 100 << 10);
}
END_TEST

START_TEST(metadata_is_set_and_taken_out)
{
	struct def *d = parse(fake_xml("web", NOTE, "")), *more, *less;
	char *text;

	more = def_set_metadata(d, 2, "<a b='c'/>", "g", "urn:g", &e);
	ck_assert_msg(more != NULL, "%s", e.text);
	text = def_metadata(more, 2, "urn:g");
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(strstr(text, "b=\"c\""));
	less = def_set_metadata(more, 2, NULL, NULL, "urn:g", &e);
	ck_assert_ptr_null(def_metadata(less, 2, "urn:g"));
	ck_assert_ptr_nonnull(def_metadata(less, 2, "http://os/1"));
	more = def_set_metadata(d, 1, "a <title>", NULL, NULL, &e);
	ck_assert_str_eq(more->title, "a <title>");
}
END_TEST

START_TEST(vcpus_stay_below_their_maximum)
{
	struct def *d = parse(fake_xml("web", "", "")), *less, *more;

	less = def_set_vcpus(d, 1, false, &e);
	ck_assert_msg(less != NULL, "%s", e.text);
	ck_assert_uint_eq(less->online, 1);
	ck_assert_uint_eq(less->vcpus, 2);
	ck_assert_ptr_null(def_set_vcpus(d, 3, false, &e));
	e.code = 0;
	more = def_set_vcpus(less, 4, true, &e);
	ck_assert_uint_eq(more->online, 1);
	ck_assert_uint_eq(more->vcpus, 4);
	less = def_set_vcpus(d, 1, true, &e);
	ck_assert_uint_eq(less->online, 1);
	ck_assert_uint_eq(less->vcpus, 1);
}
END_TEST

#define DRIVERS(text) "<metadata><g:drivers xmlns:g='" DEF_SPACE "'>" text "</g:drivers></metadata>"
static const struct {
	const char *text, *error; /* NULL: none	*/
} policies[] = {
	{ DRIVERS("<g:driver device='xvda' program='nvme' restarts='3' stall='500' standby='1'/><g:driver device='net1'/>"),
	  NULL },
	{ DRIVERS("<g:driver restarts='3'/>"), "metadata/drivers/driver: attribute 'device' is missing" },
	{ DRIVERS("<g:driver device='xvdb'/>"), "device='xvdb' is no disk or network of the domain" },
	{ DRIVERS("<g:driver device='net0'/>"), "device='net0' is no disk or network of the domain" },
	{ DRIVERS("<g:driver device='xvda' standby='2'/>"), "driver: standby='2' is not between 0 and 1" },
	{ DRIVERS("<g:driver device='xvda' program='../x'/>"), "driver: program='../x' is not supported" },
	{ DRIVERS("<g:driver device='xvda' limit='soon'/>"), "driver: limit='soon' is not between" },
	{ DRIVERS("<g:driver device='xvda'/><g:driver device='xvda'/>"), "device='xvda' is there twice" },
	{ DRIVERS("<g:spare/>"), "metadata/drivers/spare is not supported" },
};

START_TEST(the_policy_of_drivers_is_understood)
{
	struct def *d = parse(fake_xml("web", policies[_i].text, DISK CARD));

	if (policies[_i].error) {
		ck_assert_ptr_null(d);
		ck_assert_msg(strstr(e.text, policies[_i].error) != NULL, "%s", e.text);
		return;
	}
	ck_assert_msg(d != NULL, "%s", e.text);
	ck_assert_uint_eq(d->nr_drivers, 2);
	ck_assert_str_eq(d->driver[0].device, "xvda");
	ck_assert_str_eq(d->driver[0].program, "nvme");
	ck_assert_str_eq(d->driver[0].policy, "restarts=3,stall=500,standby=1");
	ck_assert_str_eq(d->driver[1].policy, "");
}
END_TEST

START_TEST(the_server_gets_a_configuration)
{
	struct def *d = parse(fake_xml("web", "", DISK CARD));
	char disks[DEF_DISKS][16] = { "vdc" };
	char *text = def_config(d, "shelf/k", "shelf/i", disks, &e);

	ck_assert_str_eq(
		text, "name = \"web\"\nkernel = \"shelf/k\"\nramdisk = \"shelf/i\"\nextra = \"root=/dev/xvda\"\n"
		      "memory = 256\nmaxmem = 256\nvcpus = 2\nmaxvcpus = 2\nconsoles = 1\non_poweroff = \"destroy\"\n"
		      "on_reboot = \"restart\"\non_crash = \"destroy\"\ndisk = [ 'vdc,xvda,w' ]\n"
		      "vif = [ 'mac=00:16:3e:01:02:03,bridge=net1' ]\n");
}
END_TEST

SUITE(guised_def)
{
	tcase_add_test(tc, a_definition_is_understood);
	tcase_add_loop_test(tc, what_is_wrong_is_named, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(tc, what_others_note_is_kept);
	tcase_add_test(tc, what_xen_wrote_is_taken);
	tcase_add_test(tc, what_is_missing_is_made_once);
	tcase_add_test(tc, twice_is_once_too_often);
	tcase_add_test(tc, devices_come_and_go);
	tcase_add_test(tc, shares_and_caps_are_those_of_the_schedulers);
	tcase_add_test(tc, memory_stays_below_its_maximum);
	tcase_add_test(tc, metadata_is_set_and_taken_out);
	tcase_add_test(tc, vcpus_stay_below_their_maximum);
	tcase_add_loop_test(tc, the_policy_of_drivers_is_understood, 0, (int)(sizeof(policies) / sizeof(policies[0])));
	tcase_add_test(tc, the_server_gets_a_configuration);
}
