# SPDX-License-Identifier: BSD-2-Clause
"""What QEMU executes: instructions by where they stand, and what is dear without being an instruction.

For MODE=count of io and net.  The machine runs by -icount, so that its time does not pass while others have the CPU.
"""
import collections
import mmap
import os
import struct
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# An instruction takes 8 ns, about what TCG makes of it: what is bounded by time happens as often as without counting.
# With ERMS, QEMU counts each step of REP.
ARGS = '-cpu max,-smap,-erms -icount shift=3'
# Where the hypervisor's kernel is linked: 1 GiB from there.
HYPERVISOR = {'guise': 0xffff808000000000, 'xen': 0xffff82d040000000}
RECORD = struct.Struct('QQQ')  # of count.c
KINDS = (None, 'instructions', 'CR3', 'INVLPG', 'HLT', 'SYSCALL')
EVENTS = {'virtio_queue_notify': 'doorbells that the device saw', 'apic_deliver_irq': 'interrupts of devices',
          'apic_local_deliver': 'interrupts of the timer', 'apic_mem_writel': 'writes to the APIC'}
# The lines of a table.
LINES = ('instructions', 'in processes', 'in their kernel', 'in the hypervisor', 'in driver VMs and the server',
         'loads of CR3', 'INVLPG', 'HLT', 'system calls', 'hypercalls of the guest', 'hypercalls of native domains',
         *EVENTS.values())
PARTS = {'processes': 'in processes', 'kernel': 'in their kernel', 'hypervisor': 'in the hypervisor', 'native': LINES[4]}
CALLS = {'processes': LINES[8], 'kernel': LINES[9], 'native': LINES[10]}


def part_of(system, address):
    """Whose code stands there.  Native domains are linked low, Debian's programs are not."""
    if 0 <= address - HYPERVISOR.get(system, 1 << 64) < 1 << 30:
        return 'hypervisor'
    if address >> 47:
        return 'kernel'
    return 'native' if system == 'guise' and address < 1 << 32 else 'processes'


class Counters:
    """Of one machine, which gets self.args; read() as often as wanted."""

    def __init__(self, folder, system):
        plugin = os.path.join(folder, 'count.so')
        self.system = system
        self.file, self.log = os.path.join(folder, 'count'), os.path.join(folder, 'count.log')
        self.seen, self.events = 0, collections.Counter()
        subprocess.run(['gcc', '-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', plugin,
                        os.path.join(TOP, 'tests', 'bench', 'count.c')], check=True)
        for path in (self.file, self.log):
            if os.path.exists(path):
                os.unlink(path)
        self.args = ' '.join([ARGS, f'-plugin {plugin},out={self.file} -D {self.log}',
                              *(f'-trace {event}' for event in EVENTS)])

    def blocks(self):
        """{(kind, address): how often}"""
        with open(self.file, 'rb') as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            return {(KINDS[kind], va): count for kind, va, count in RECORD.iter_unpack(m[:]) if kind}

    def read(self):
        """How often each of LINES was so far."""
        sums = collections.Counter()
        for (kind, va), count in self.blocks().items():
            part = part_of(self.system, va)
            if kind == 'instructions':
                sums[kind] += count
                sums[PARTS[part]] += count
            elif kind == 'SYSCALL':
                # On one's own machine a kernel makes none; one on Guise, for all that it asks of the hypervisor.
                sums[CALLS[part]] += count
            else:
                sums['loads of CR3' if kind == 'CR3' else kind] += count
        with open(self.log, 'rb') as f:
            f.seek(self.seen)
            text = f.read()
        text = text[:text.rfind(b'\n') + 1]
        self.seen += len(text)
        for line in text.splitlines():
            name = line.partition(b' ')[0].decode(errors='replace')
            if name in EVENTS:
                self.events[EVENTS[name]] += 1
        return sums + self.events


def output(run, system):
    """The lines that a machine prints, until it is over; it ends with whoever reads them."""
    try:
        yield from run.stdout
        err = run.stderr.read()
        run.wait()
    finally:
        if run.poll() is None:
            run.terminate()
            run.wait()
    if run.returncode:
        raise RuntimeError(f'{system}: {(err.strip().splitlines() or ["no word"])[-1]}')


def table(title, systems, figures):
    """A Markdown table: figures is {system: {line: for one operation}}."""
    others = [s for s in systems if s != 'native' and 'native' in systems]
    out = [f'| {title} | ' + ' | '.join(systems) + ''.join(f' | {s} to native' for s in others) + ' |',
           '| --- |' + ' ---: |' * (len(systems) + len(others))]
    for line in LINES:
        values = [figures[s].get(line, 0) for s in systems]
        if not any(values):
            continue
        cells = [format(v, ',.0f' if v >= 100 else '.2f') for v in values]
        native = figures['native'].get(line, 0) if others else 0
        cells += [format(figures[s].get(line, 0) / native, '.2f') if native else '' for s in others]
        out.append(f'| {line} | ' + ' | '.join(cells) + ' |')
    return out + ['']
