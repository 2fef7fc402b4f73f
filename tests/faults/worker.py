# SPDX-License-Identifier: BSD-2-Clause
"""One machine after the other, into whose drivers a campaign's faults are injected: what becomes of each."""
import re
import sys
import threading
import time
import traceback

import machine
import mutate

SETTLE = 2.5     # seconds for a fault to show: a hang is noticed within 0.5, a stall within 1.1
HARMLESS = 0.3   # after so many seconds a fault is harmless
WORKED = {'disk': 100, 'net': 40}  # ... if so many operations were done since
ASSERTED = 'QEMU ended with status 134'  # abort(): what a driver told its device is more than QEMU has a check for
GO_ON = 60       # seconds for the guest to go on after a restart
SERVED = 0.1     # seconds from then on until the first answer is told, which is so only where a guest was waiting
WORK = {'vdb': 'disk', 'net0': 'net'}
# What the log says, and by whom a fault was noticed.  All else was said by the driver itself.
NOTICED = ((r'^killed$', 'killed'), (r'^it hangs$', 'hang'), (r'memory that is not its own', 'IOMMU'),
           (r'^requests wait', 'stall'), (r'^the frontend', 'frontend'),
           (r'fault|exception|error at|opcode|no handler|trap', 'exception'))


def progress(text):
    print(f'  FAULTS  {text}', file=sys.stderr, flush=True)


def noticed_by(cause):
    return next((how for pattern, how in NOTICED if re.search(pattern, cause)), 'own check')


class Worker(threading.Thread):
    """Takes faults until none is left.  Then: error, what kept it from that; canaries, what was looked at; forsaken,
    what did not go on after a driver was given up; checked, what the kernel says of its books."""

    def __init__(self, campaign, number):
        super().__init__(daemon=True)
        self.campaign, self.number = campaign, number
        self.machine, self.machines = None, 0
        self.last = campaign.rows[-1] if campaign.rows else None  # what is found in the end belongs to it
        self.error, self.canaries, self.forsaken, self.checked = None, '', [], {}
        self.unsure = False  # a mutated driver may have left wrong bytes on the disk that were not read yet

    def run(self):
        try:
            while fault := self.campaign.take():
                self.one(*fault)
            if self.last and not self.campaign.stopped:
                self.finish()
        except machine.Lost as why:
            self.error = f'a machine that cannot be used: {why}'
        except Exception as why:  # pylint: disable=broad-exception-caught # it is told in the end
            traceback.print_exc()
            self.error = repr(why)
        if self.error:
            self.campaign.left.clear()
        self.stop()

    def stop(self):
        """Also by others, in the middle of its work."""
        if self.machine:
            self.machine.stop()

    def machine_start(self):
        progress('a machine starts')
        self.machines += 1
        c = self.campaign
        self.machine = machine.Machine(c.build, c.folder, c.port, f'{self.number}-{self.machines}', c.fio)
        self.machine.canary()
        self.unsure = False

    def inject(self, fault):
        if fault.kind in mutate.CLEAN:
            return self.machine.ask(f'driver-{fault.kind}', driver=fault.device)
        for address, data in fault.patches:
            answer = self.machine.ask('driver-inject', driver=fault.device, at=address, data=data.decode('latin-1'))
        return answer

    def outage(self, row, event, since):
        """What the server's log says of a restart."""
        match = re.match(r'(.*); restarted in ([\d.]+) ms$', event[2], re.S)
        row |= {'cause': match[1], 'noticed': noticed_by(match[1]), 'outcome': 'recovered', 'ready_ms': float(match[2])}
        if served := self.machine.event(row['driver'], since, SERVED, ('served',)):
            row['served_ms'] = float(re.search(r'([\d.]+) ms', served[2])[1])

    def pristine(self, fault):
        """Nothing was noticed: its program is made whole by hand."""
        m = self.machine
        since = len(m.events)
        answer = m.ask('driver-restart', driver=fault.device)
        event = m.event(fault.device, since, 30)
        if not event or event[0] == 'given-up':
            raise machine.Lost(f'it does not come up again: {event[2] if event else answer}')
        return event[2].split(';')[0]

    def observe(self, fault, row):
        m = self.machine
        work = WORK[fault.device]
        since, complaints = len(m.events), len(m.kernel)
        row['outcome'] = 'nothing'
        answer = self.inject(fault)
        if not isinstance(answer, dict):
            raise machine.Lost(f'it cannot be injected: {answer}')
        event, stands = self.effect(fault, since)
        if event and event[0] == 'given-up':
            row |= {'cause': event[2], 'noticed': noticed_by(event[2].removeprefix('given up: ')), 'outcome': 'given up'}
        if not event or event[0] == 'given-up':
            cause = self.pristine(fault)
            if cause != 'restarted' and not event:
                row |= {'outcome': 'recovered', 'noticed': noticed_by(cause), 'cause': cause}
            elif stands:
                row |= {'outcome': 'stands', 'noticed': 'not', 'cause': 'it is alive and serves no more'}
        if not m.goes_on(work, GO_ON):
            raise machine.Lost(m.complaint(fault.device, complaints))
        if event and event[0] == 'restarted':
            self.outage(row, event, since)

    def effect(self, fault, since):
        """What was told of the driver, if anything, and whether it stands still."""
        m, work = self.machine, WORK[fault.device]
        before, begin = m.work[work][0], time.monotonic()
        harmless = m.wait(lambda: m.told(fault.device, since) or (
            m.work[work][0] >= before + WORKED[work] and time.monotonic() > begin + HARMLESS), SETTLE)
        event = m.told(fault.device, since)
        if event or harmless:
            return event, False
        if m.goes_on(work, SETTLE, 1):
            return m.told(fault.device, since), False
        event = m.event(fault.device, since, SETTLE)
        return event, not event and not m.goes_on(work, SETTLE, 1)

    def one(self, row, fault, pause):
        if not self.machine:
            self.machine_start()
        m = self.machine
        if fault.kind in mutate.CLEAN and self.unsure:
            m.read_whole()
            self.unsure = False
        time.sleep(pause)
        if self.campaign.standby:
            m.stands_by(fault.device)
        before, first, complains = m.effects(), len(m.events), m.fio_complains
        try:
            self.observe(fault, row)
            self.unsure |= fault.kind not in mutate.CLEAN
            if m.effects() != before:
                m.read_whole()
                self.unsure = False
        except machine.Lost as why:
            if self.campaign.stopped:
                return
            row |= {'outcome': 'emulator' if ASSERTED in str(why) else 'lost', 'cause': str(why), 'noticed': row['noticed'] or 'not'}
        row['errors'], row['wrong_bytes'] = (a - b for a, b in zip(m.effects(), before))
        if row['outcome'] == 'nothing' and (row['errors'] or row['wrong_bytes']):
            row |= {'outcome': 'silent', 'noticed': 'not', 'cause': 'the guest got errors or wrong bytes'}
        row['others'] = '; '.join(f'{e[1]}: {e[2]}' for e in m.events[first:] if e[1] != fault.device and e[0] != 'served')
        row['fio'] = m.fio_complains - complains
        row['memory'] = m.work['memory']
        row['others'] += m.crashed.get('canary', '')
        if row['memory'] or m.crashed or row['outcome'] in ('emulator', 'lost'):
            m.stop()
            self.machine = None
        self.last = row
        self.campaign.keep(row)

    def finish(self):
        if self.machine and self.unsure:
            self.leftovers()
        for device in self.campaign.drivers:
            if not self.machine:
                self.machine_start()
            if against := self.given_up(device):
                self.forsaken.append(f'{device}: {against}')
        if self.machine:
            self.look_at_memory()
            self.checked = self.machine.ask('fsck')

    def look_at_memory(self):
        m = self.machine
        m.look_at_memory()
        self.last['memory'] += m.work['memory']
        self.last['others'] += m.crashed.get('canary', '')
        self.canaries = (f'# memory that was looked at: {m.work["canaries"]} MiB of the guest, {m.work["passes"]} times; 48 MiB '
                         f'of another domain, {m.dots} times')
        if m.fio:
            self.canaries += f'\n# fio read and verified {m.fio[5]} KiB, wrote {m.fio[46]}, and complained {m.fio_complains} times'

    def given_up(self, device):
        """Its guest gets errors, and all goes on when the driver is restarted: None, or what does not."""
        m, work, since = self.machine, WORK[device], len(self.machine.events)
        policy = m.policies[device]
        m.ask('driver-policy', driver=device, policy=policy.replace('restarts=1000000', 'restarts=0'))
        errors, complaints = m.work[work][1], len(m.kernel)
        m.ask('driver-kill', driver=device)
        try:
            if m.event(device, since, 30, ('given-up',)) is None:
                return 'it is not given up'
            if work == 'disk' and not m.wait(lambda: m.work[work][1] > errors, GO_ON):
                return 'its guest waits'
            m.ask('driver-policy', driver=device, policy=policy)
            m.ask('driver-restart', driver=device)
            return None if m.goes_on(work, GO_ON) else m.complaint(device, complaints)
        except machine.Lost as why:
            self.machine = None
            return str(why)

    def leftovers(self):
        """Wrong bytes that the last faults left on the disk."""
        before = self.machine.effects()
        self.machine.read_whole()
        self.last['errors'], self.last['wrong_bytes'] = (
            old + a - b for old, a, b in zip((self.last['errors'], self.last['wrong_bytes']),
                                             self.machine.effects(), before))
