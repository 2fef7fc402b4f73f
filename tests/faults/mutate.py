# SPDX-License-Identifier: BSD-2-Clause
"""What can be changed in a driver: the classes of faults, found in its program by objdump.

A class has a function that gets an instruction and a source of random numbers and returns the bytes that take its
place, or None where the class has nothing to change.  Intel SDM Vol. 2, 2.1 and appendix A: prefixes, opcodes, ModRM.
"""
import collections
import re
import subprocess

Instruction = collections.namedtuple('Instruction', 'address code place text opcode operands')
Fault = collections.namedtuple('Fault', 'device kind patches place text')  # patches: (address, bytes), the last one sets it off

PREFIXES = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3}
TO_MEMORY = {0x00, 0x01, 0x08, 0x09, 0x20, 0x21, 0x28, 0x29, 0x30, 0x31, 0x38, 0x39, 0x84, 0x85, 0x88, 0x89}
TO_REGISTER = {0x02, 0x03, 0x0a, 0x0b, 0x22, 0x23, 0x2a, 0x2b, 0x32, 0x33, 0x3a, 0x3b, 0x63, 0x8a, 0x8b, 0x8d,
               0x0fb6, 0x0fb7, 0x0fbe, 0x0fbf, 0x0faf} | set(range(0x0f40, 0x0f50))
IMMEDIATE = {0x80, 0x81, 0x83, 0xc6, 0xc7, 0xf6, 0xf7}
MOVES = {0x88, 0x89, 0x8a, 0x8b, 0x8d, 0xc6, 0xc7, 0x0fb6, 0x0fb7, 0x0fbe, 0x0fbf} | set(range(0xb8, 0xc0))
# What runs when a request or an interrupt comes begins here; what these call is found, but for beginning and end.
SERVING = {'blk_serve', 'net_serve', 'event_loop_once', 'ring_event', 'tx_event', 'rx_event', 'timer_event', 'pulse', 'interrupt',
           'received', 'sent', 'other', 'disk_submit', 'disk_kick', 'disk_look', 'card_submit', 'card_kick', 'card_listen',
           'card_receive', 'card_refill', 'deliver', 'part_done', 'job_sent', 'packet_sent', 'backend_watch', 'vbd_watch', 'vif_watch'}
ASIDE = {'panic', 'print', 'device_failed', 'device_ready', 'store_printf', 'vbd_start', 'vif_start', 'page_alloc',
         'backend_update', 'device_stalled', 'device_doubt'}
NOP, LOOP, UD2 = b'\x90', b'\xeb\xfe', b'\x0f\x0b'
RETURN_0 = b'\x31\xc0\xc3'
CAVES = ('virtio_open', 'nvme_open', 'domain_main')  # they ran at the start: what a fault adds to the program lies there
MUTE = ('virtio_kick', 'interrupt', 'sent', 'received', 'blk_ring_publish', 'net_tx_publish', 'net_rx_publish', 'event_send')
MEMORY = 256 << 20  # bytes: less than any machine has


def decode(code):
    """Opcode, and where what follows it begins."""
    at = 0
    while at < len(code) - 1 and (code[at] in PREFIXES or 0x40 <= code[at] < 0x50):
        at += 1
    if code[at] == 0x0f and at + 1 < len(code):
        return 0x0f00 | code[at + 1], at + 2
    return code[at], at + 1


def instructions(program):
    listing = subprocess.run(['objdump', '-d', '-w', program], check=True, capture_output=True, text=True).stdout
    symbol, found = '', []
    for line in listing.splitlines():
        if match := re.match(r'([0-9a-f]{16}) <(.+)>:$', line):
            start, symbol = int(match[1], 16), match[2]
        elif match := re.match(r' *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(.*)$', line):
            address, code = int(match[1], 16), bytes.fromhex(match[2])
            text = ' '.join(match[3].split('#')[0].split())
            if 'nop' not in text and 'bad' not in text:
                found.append(Instruction(address, code, f'{symbol}+{address - start:#x}', text, *decode(code)))
    return found


def changed(code, at, value):
    return code[:at] + bytes([value & 0xff]) + code[at + 1:]


def register(ins, rng, in_reg):
    """Another register in ModRM: in its field reg, or in r/m where that is one."""
    if in_reg:
        return changed(ins.code, ins.operands, ins.code[ins.operands] ^ rng.randrange(1, 8) << 3)
    if ins.code[ins.operands] >> 6 == 3:
        return changed(ins.code, ins.operands, ins.code[ins.operands] ^ rng.randrange(1, 8))
    return None


def source(ins, rng):
    if ins.opcode in TO_MEMORY | TO_REGISTER:
        return register(ins, rng, ins.opcode in TO_MEMORY)
    return None


def destination(ins, rng):
    if ins.opcode in TO_MEMORY | TO_REGISTER:
        return register(ins, rng, ins.opcode in TO_REGISTER)
    return None


def pointer(ins, rng):
    """Another displacement of an operand in memory."""
    if ins.opcode not in TO_MEMORY | TO_REGISTER | IMMEDIATE or ins.code[ins.operands] >> 6 not in (1, 2):
        return None
    at = ins.operands + (2 if ins.code[ins.operands] & 7 == 4 else 1)  # behind SIB
    return changed(ins.code, at, ins.code[at] ^ 1 << rng.randrange(8))


def bound(ins, rng):
    """What is compared with, added or subtracted is one more or less."""
    if ins.opcode in (0x80, 0x81, 0x83) and ins.code[ins.operands] >> 3 & 7 in (0, 5, 7) or ins.opcode in (0x3c, 0x3d):
        at = len(ins.code) - (4 if ins.opcode in (0x81, 0x3d) and 0x66 not in ins.code[:2] else 1)
        return changed(ins.code, at, ins.code[at] + rng.choice((-1, 1)))
    return None


def condition(ins, rng):
    """A conditional jump does the opposite."""
    if 0x70 <= ins.opcode < 0x80 or 0x0f80 <= ins.opcode < 0x0f90:
        return changed(ins.code, ins.operands - 1, ins.code[ins.operands - 1] ^ 1)
    return None


def assignment(ins, rng):
    """A value is not moved where it belongs."""
    return NOP * len(ins.code) if ins.opcode in MOVES else None


def text_bit(ins, rng):
    bit = rng.randrange(8 * len(ins.code))
    return changed(ins.code, bit // 8, ins.code[bit // 8] ^ 1 << bit % 8)


def loop(ins, rng):
    return LOOP


def illegal(ins, rng):
    return UD2


IN_TEXT = {'source': source, 'destination': destination, 'pointer': pointer, 'bound': bound, 'condition': condition,
           'assignment': assignment, 'text-bit': text_bit, 'loop': loop, 'illegal': illegal}
CLEAN = ('kill', 'hang')  # the driver does nothing wrong before it ends
CLASSES = (*IN_TEXT, 'data', 'mute', 'storm', 'dma', 'reply', *CLEAN)


def serving(text):
    """Those instructions that are in SERVING or are reached from there by direct calls and jumps."""
    calls = collections.defaultdict(set)
    for ins in text:
        if match := re.search(r'<([^>+]+)(\+0x[0-9a-f]+)?>$', ins.text):
            calls[ins.place.split('+')[0]].add(match[1])
    reached, todo = set(), SERVING & {ins.place.split('+')[0] for ins in text}
    while todo:
        reached |= todo
        todo = set().union(*(calls[name] for name in todo)) - reached - ASIDE
    return [ins for ins in text if ins.place.split('+')[0] in reached]


class Program:
    """everywhere: not only where requests are served, but also in code that ran at the start and does not again."""

    def __init__(self, path, everywhere):
        self.text = instructions(path)
        self.starts = {i.place[:-4]: i.address for i in self.text if i.place.endswith('+0x0')}
        if not everywhere:
            self.text = serving(self.text)
        self.calls = [(i, m[1]) for i in self.text if i.opcode == 0xe8 and (m := re.search(r'<([^>+]+)>$', i.text))]
        self.sites = {kind: [i for i in self.text if self.applies(kind, i)] for kind in IN_TEXT}
        self.data = []  # ranges
        headers = subprocess.run(['objdump', '-h', '-w', path], check=True, capture_output=True, text=True).stdout
        for name, size, address in re.findall(r'^ *\d+ (\.\S+) +([0-9a-f]+) +([0-9a-f]+) ', headers, re.M):
            if name in ('.rodata', '.data', '.bss'):
                self.data.append((int(address, 16), int(size, 16), name))
        if not self.text or not self.data:
            raise ValueError(f'{path}: no program of a driver')

    @staticmethod
    def applies(kind, ins):
        class First:  # any choice tells whether there is one
            randrange = staticmethod(lambda first, last=None: 0 if last is None else first)
            choice = staticmethod(lambda all_: all_[0])

        return IN_TEXT[kind](ins, First) is not None

    def fault(self, device, kind, rng):
        """A fault of this kind.  Data is 8 random bytes, as it cannot be read from outside."""
        if kind in CLEAN:
            return Fault(device, kind, (), '', '')
        if kind in ('mute', 'storm', 'dma', 'reply'):
            patches, place = getattr(self, kind)(rng)
            return Fault(device, kind, patches, place, '')
        if kind == 'data':
            address, size, name = rng.choices(self.data, [size for _, size, _ in self.data])[0]
            at = rng.randrange(0, max(size - 7, 1), 8)
            return Fault(device, kind, ((address + at, rng.randbytes(8)),), f'{name}+{at:#x}', '')
        ins = rng.choice(self.sites[kind])
        return Fault(device, kind, ((ins.address, IN_TEXT[kind](ins, rng)),), ins.place, ins.text)

    # ---- faults of more than one instruction ----

    def before_call(self, rng, callee, code):
        """At one of the calls of a function code is run first, which code() makes for that place."""
        cave = next(self.starts[name] for name in CAVES if name in self.starts)
        call = rng.choice([ins for ins, name in self.calls if name == callee])
        first = code(call.place)
        first += b'\xe9' + (self.starts[callee] - cave - len(first) - 5).to_bytes(4, 'little', signed=True)
        to_cave = (cave - call.address - len(call.code)).to_bytes(4, 'little', signed=True)
        return ((cave, first), (call.address, b'\xe8' + to_cave)), call.place

    def mute(self, rng):
        """What tells others, or hears of them, does nothing."""
        name = rng.choice([name for name in MUTE if name in self.starts])
        return ((self.starts[name], RETURN_0),), name

    def storm(self, rng):
        """An interrupt is never done with: its handler asks for it again."""
        name = rng.choice([name for name in ('interrupt', 'sent', 'received') if name in self.starts])
        jump = (self.starts['event_again'] - self.starts[name] - 5).to_bytes(4, 'little', signed=True)
        return ((self.starts[name], b'\xe9' + jump),), name

    def dma(self, rng):
        """The device is given a frame of somebody else."""
        frame = rng.randrange(1 << 20, MEMORY, 4096)
        if 'e1000e_rx_add' in self.starts:  # mov $frame, %rdx
            return self.before_call(rng, 'e1000e_rx_add', lambda place: b'\x48\xba' + frame.to_bytes(8, 'little'))
        # A command's address; a buffer, which is the second one behind a header: mov $frame, %rax; mov %rax, at(%rsi)
        callee = 'virtqueue_add' if 'virtqueue_add' in self.starts else 'nvme_put'
        return self.before_call(rng, callee, lambda place: b'\x48\xb8' + frame.to_bytes(8, 'little') + b'\x48\x89\x46' + bytes(
            [24 if callee == 'nvme_put' else 0 if 'refill' in place else 16]))

    def reply(self, rng):
        """A request is answered that was not asked: its id (%rdx), or the packet's place in its ring (*%rsi), is another."""
        change = rng.randrange(1, 128)
        if 'blk_ring_answer' in self.starts:
            return self.before_call(rng, 'blk_ring_answer', lambda place: b'\x48\x83\xc2' + bytes([change]))  # add $change, %rdx
        return self.before_call(rng, 'net_tx_answer', lambda place: b'\x83\x06' + bytes([change]))  # addl $change, (%rsi)
