# SPDX-License-Identifier: BSD-2-Clause
"""A machine with a guest that works and tells how far it is, and its control channel."""
import json
import os
import re
import socket
import subprocess
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BOOT = 600  # seconds
DISK_SIZE = 4 << 20  # that tests/faults/load.c works with
FIO_SIZE = 12 << 20  # behind it
STANDBY = 8 << 10  # KiB: a driver's pages; what the kernel has for it comes in addition
DEVICES = {'virtio': 'virtio-blk-pci,drive=scratch,disable-legacy=on,iommu_platform=on',
           'nvme': 'nvme,drive=scratch,serial=scratch'}
IN_GUEST = '''install -m 755 /run/guise/load /var/tmp/load
{fio}exec /var/tmp/load /dev/xvdb 10.0.2.2 {port}
'''
FIO = f'''fio --name=verify --filename=/dev/xvdb --offset={DISK_SIZE} --size={FIO_SIZE} --direct=1 --ioengine=libaio --iodepth=4 \\
	--rw=randrw --bs=16k --rate_iops=50 --verify=crc32c --verify_backlog=16 --continue_on_error=all --time_based \\
	--runtime=9999999 --status-interval=2 --output-format=terse &
'''


class Lost(Exception):
    """The machine or its guest is no longer what it was; the text says why."""


def tree(build, to, other):
    """A build in which some files are others, or are more; what is in drivers-vm comes into the boot archive."""
    files = {name: f'{build}/{name}' for name in ('hypervisor-kernel/guise', 'vmm/vmm', 'guise')}
    for name in os.listdir(f'{build}/drivers-vm'):
        if os.path.isfile(f'{build}/drivers-vm/{name}'):
            files[f'drivers-vm/{name}'] = f'{build}/drivers-vm/{name}'
    for name, target in (files | other).items():
        os.makedirs(os.path.dirname(f'{to}/{name}'), exist_ok=True)
        if os.path.lexists(f'{to}/{name}'):
            os.unlink(f'{to}/{name}')
        os.symlink(os.path.abspath(target), f'{to}/{name}')
    return to


def echo():
    """A server on this machine's loopback that sends back what it gets; its port."""
    listener = socket.create_server(('127.0.0.1', 0))

    def serve(connection):
        try:
            with connection:
                while data := connection.recv(1 << 16):
                    connection.sendall(data)
        except OSError:
            pass  # the guest is gone, or opened another

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


class Machine:
    """Runs from its construction, when the guest's work has begun, until stop()."""
    in_guest = IN_GUEST
    policies = {'all': 'restarts=1000000,backoff=0'}  # a busy host is no driver that hangs
    policies |= dict.fromkeys(('vdb', 'net0'), f'{policies["all"]},limit=400,stall=1000,window=1,'
                                               f'standby={os.environ.get("STANDBY") or 0}')
    drivers = "', '".join(f'{device},{policy}' for device, policy in policies.items())
    patience = 60  # seconds for an answer of the server

    def __init__(self, build, folder, port, number, fio=False):
        self.changed = threading.Condition()
        self.events, self.answers, self.kernel, self.crashed = [], {}, [], {}
        self.dots, self.fio, self.fio_complains = 0, [], 0
        self.work, self.said, self.ended = None, '', False
        self.requests = 0
        self.name = f'faults-{os.getpid()}-{number}'
        self.log = f'{folder}/console-{number}.log'
        self.scratch = f'{folder}/scratch-{number}.img'
        with open(self.scratch, 'wb') as f:
            f.truncate(DISK_SIZE + FIO_SIZE)
        bus = os.environ.get('DISK_BUS') or 'virtio'
        env = {k: v for k, v in os.environ.items() if k not in ('EXEC', 'UNTIL', 'DISK', 'ARCHIVE', 'APPEND', 'TIMEOUT')}
        env |= {
            'NAME': self.name, 'LOG': self.log, 'NET': '1', 'MEM': env.get('MEM') or '512', 'TIMEOUT': '9999999',
            # The watchdogs of a guest measure the host, too.
            'APPEND': 'nowatchdog rcupdate.rcu_cpu_stall_suppress=1',
            'CONFIG': f"drivers = [ '{self.drivers}' ]",
            'DISKS': "'vda,xvda,w', 'vdb,xvdb,w'",
            'QEMU_ARGS': f'-drive if=none,id=scratch,file={self.scratch},format=raw,cache=unsafe -device {DEVICES[bus]} '
                          + env.get('QEMU_ARGS', ''),
            'FILES': f'load={build}/faults/load', 'EXEC': self.in_guest.format(port=port, fio=FIO if fio else '')}
        if fio:
            env['IMAGE'] = 'bench'
        # pylint: disable=consider-using-with # it lives longer
        self.run = subprocess.Popen(['setpriv', '--pdeathsig', 'TERM', f'{TOP}/scripts/run'], env=env, text=True,
                                    errors='replace', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, start_new_session=True)
        threading.Thread(target=self.read_guest, daemon=True).start()
        threading.Thread(target=self.read_errors, daemon=True).start()
        try:
            self.wait(lambda: self.work and self.work['disk'][0] and self.work['net'][0], BOOT, 'the guest does not begin')
            self.connect()
        except BaseException:
            self.stop()
            raise

    # ---- what it says ----

    def read_guest(self):
        for line in self.run.stdout:
            match = re.match(r'load disk (\d+) (\d+) (\d+) net (\d+) (\d+) (\d+) rounds (\d+) '
                             r'memory (\d+) (\d+) (\d+)$', line)
            with self.changed:
                if match:
                    n = [int(x) for x in match.groups()]
                    self.work = {'disk': n[0:3], 'net': n[3:6], 'rounds': n[6], 'memory': n[7], 'canaries': n[8],
                                 'passes': n[9]}
                elif re.match(r'3;fio-[\d.]+;verify;', line):
                    self.fio = line.split(';')  # terse version 3 in fio(1): [5] KiB read, [46] written
                elif line.startswith('kernel '):
                    self.kernel.append(line[7:].strip())
                else:
                    self.heard(line.strip())
                self.changed.notify_all()
        self.end()

    def heard(self, line):
        """Another line of the guest's."""
        self.said = line or self.said

    def read_errors(self):
        for line in self.run.stderr:
            with self.changed:
                self.said = line.strip() or self.said
                self.fio_complains += line.startswith(('fio:', 'verify:'))

    def end(self):
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def connect(self):
        folder = os.environ.get('XDG_RUNTIME_DIR', '')
        folder = f'{folder}/guise' if folder.startswith('/') else f'/tmp/guise-{os.getuid()}'
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f'{folder}/{self.name}.sock')
        threading.Thread(target=self.read_control, daemon=True).start()
        self.ask('events', on=True)

    def read_control(self):
        try:
            for line in self.socket.makefile(encoding='utf-8', errors='replace'):
                message = json.loads(line)
                with self.changed:
                    if 'event' not in message:
                        self.answers[message.get('id')] = message
                    elif message['event'].startswith('driver-'):
                        self.events.append((message['event'][7:], message['guest'], message['text']))
                    elif message['event'] == 'crashed':
                        self.crashed[message['guest']] = message['text']
                    elif message['event'] == 'console':
                        self.dots += len(message['data'])
                    self.changed.notify_all()
        except OSError:
            pass
        self.end()

    # ---- what it is asked ----

    def wait(self, condition, seconds, why=None):
        """The condition's value, as soon as it is true; later None, or Lost where there is a reason."""
        until = time.monotonic() + seconds
        with self.changed:
            while not (value := condition()):
                if self.ended:
                    self.changed.wait(1)  # its last words
                    raise Lost(f'the machine ended: {self.said}')
                if not self.changed.wait(max(until - time.monotonic(), 0)):
                    if why:
                        raise Lost(why)
                    return None
        return value

    def ask(self, command, **members):
        """The answer, or the error as a text."""
        self.requests += 1
        number = self.requests
        try:
            self.socket.sendall(json.dumps({'id': number, 'cmd': command, **members}).encode() + b'\n')
        except OSError:
            self.end()
        answer = self.wait(lambda: self.answers.pop(number, None), self.patience, 'the server does not answer')
        return answer.get('error') or answer

    def event(self, device, since, seconds, kinds=('restarted', 'given-up')):
        """The first such event of the device behind that place in the list, or None."""
        return self.wait(lambda: self.told(device, since, kinds), seconds)

    def told(self, device, since, kinds=('restarted', 'given-up')):
        """The same, of those that there are."""
        return next((e for e in self.events[since:] if e[1] == device and e[0] in kinds), None)

    def effects(self):
        """Errors and wrong bytes that the guest saw until now."""
        with self.changed:
            return [self.work['disk'][i] + self.work['net'][i] for i in (1, 2)]

    def goes_on(self, work, seconds, many=8):
        """Whether so many more operations are done in time."""
        before = self.work[work][0]
        return self.wait(lambda: self.work[work][0] >= before + many, seconds)

    def stands_by(self, device):
        """Waits until the next incarnation is built."""
        until = time.monotonic() + self.patience
        while not any(d['name'] == device and d['standby_kib'] > STANDBY for d in self.ask('driver-list')['drivers']):
            if time.monotonic() > until:
                raise Lost('none stands by')
            time.sleep(0.02)

    def complaint(self, device, since):
        """Why the guest does not go on: what the driver said last, and what the guest's kernel said."""
        with open(self.log, encoding='utf-8', errors='replace') as f:
            said = [line for line in f.read().splitlines() if re.match(rf'\(d\d+\) \S+ {device}: ', line)]
        words = [line.split(': ', 1)[1] for line in said if ' sectors of ' not in line]
        return '; '.join(['the guest does not go on', *words[-1:], *self.kernel[since:][-2:]])

    def read_whole(self):
        """All of the disk is read once more, so that nothing wrong is left for later."""
        rounds = self.work['rounds']
        self.wait(lambda: self.work['rounds'] >= rounds + 2, 300, 'the guest reads its disk no more')

    def canary(self):
        """Another domain, which looks at its memory: tests/faults/canary.c."""
        answer = self.ask('create', file='canary', config=(
            "name = 'canary'\nkernel = 'drivers/canary'\nmemory = 64\ncap = 5\non_crash = 'destroy'\n"))
        if isinstance(answer, dict):
            answer = self.ask('console', guest='canary')
        if not isinstance(answer, dict):
            raise Lost(f'no canary can be made: {answer}')

    def look_at_memory(self):
        """All of it, the guest's and the canary's, is looked at once more."""
        passes, dots = self.work['passes'], self.dots
        self.wait(lambda: 'canary' in self.crashed or (self.work['passes'] >= passes + 2 and self.dots >= dots + 2), 600,
                  'nobody looks at the memory any more')

    def stop(self):
        if self.run.poll() is None:
            self.run.terminate()
        try:
            self.run.wait(30)
        except subprocess.TimeoutExpired:
            self.run.kill()
        if os.path.exists(self.scratch):
            os.unlink(self.scratch)
