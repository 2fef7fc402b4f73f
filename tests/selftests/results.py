# SPDX-License-Identifier: BSD-2-Clause
"""What self-tests of Linux said, and in what two runs differ.  guest.sh says how a run looks."""
import collections
import fnmatch
import re

TAP = re.compile(r'\s*(?:#\s*)?(ok|not ok)\s+\d+\s*(?:-\s*)?(.*)')  # a harness within a test indents its lines
TAGS = {'OK': 'pass', 'PASS': 'pass', 'PASSED': 'pass', 'FAIL': 'fail', 'FAILED': 'fail', 'SKIP': 'skip', 'SKIPPED': 'skip',
        'UNSUPPORTED': 'skip'}
BEFORE = re.compile(rf'\s*\[({"|".join(TAGS)})\]\s*(\S.*)')
BEHIND = re.compile(rf'\s*(\S.*?)\s+\[({"|".join(TAGS)})\]\s*')
COLOUR = re.compile(r'\x1b\[[0-9;]*m')
# Addresses, process numbers and times differ from run to run.
NUMBER = re.compile(r'\b0x[0-9a-fA-F]+\b|(?<![A-Za-z_])-?[0-9a-f]*\d[0-9a-f]*(?:\.\d+)?(?![A-Za-z_])')


def verdict(status):
    """Of an exit status, by kselftest's rules and those of timeout(1)."""
    if status in (124, 137):
        return 'timeout'
    if 128 < status <= 192:
        return f'signal {status - 128}'
    return {0: 'pass', 4: 'skip'}.get(status, f'fail {status}')


def claim(line):
    """(name, verdict) of a line that tells of a part of a test, or None."""
    line = COLOUR.sub('', line)
    if match := TAP.fullmatch(line):
        name, _, directive = match[2].partition(' # ')
        result = 'skip' if directive.upper().startswith('SKIP') else 'pass' if match[1] == 'ok' else 'fail'
        return NUMBER.sub('N', name.strip()), result
    if match := BEFORE.fullmatch(line):
        return NUMBER.sub('N', match[2].strip()), TAGS[match[1]]
    if match := BEHIND.fullmatch(line):
        return NUMBER.sub('N', match[1].strip()), TAGS[match[2]]
    return None


def parse(text):
    """{test: result}, in their order; a part of a test is "TEST: name".  Parts with one name are counted: pass, fail 2.
    A test that has no end took the machine along: `crash`, unless it is the last of a run that is over."""
    results, parts, test = {}, {}, None
    for line in text.splitlines():
        if line.startswith('selftest begin '):
            test = line[15:]
            results[test] = 'crash'
            parts[test] = collections.defaultdict(collections.Counter)
        elif match := re.fullmatch(r'selftest end (\d+) (.*)', line):
            results[match[2]] = verdict(int(match[1]))
            test = None
        elif line.startswith('selftest kernel ') and test:
            parts[test][f'the kernel says {NUMBER.sub("N", line[16:]).strip()}']['said'] += 1
        elif test and (part := claim(line)):
            parts[test][part[0]][part[1]] += 1
    whole = {}
    for test, result in results.items():
        whole[test] = result
        for name, counts in parts.get(test, {}).items():
            whole[f'{test}: {name}'] = ', '.join(f'{v} {n}' if n > 1 else v for v, n in sorted(counts.items()))
    return whole


def explained(text):
    """[(pattern, native, guise, why)] of the list of differences: four fields between bars, lines with # are comments."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith('#'):
            fields = [f.strip() for f in line.split(' | ', 3)]
            if len(fields) != 4 or not all(fields):
                raise ValueError(f'line {number}: must be test | native | guise | why')
            rows.append(tuple(fields))
    return rows


class Comparison:
    """Of runs natively, which tell what is unstable, with one on Guise."""

    def __init__(self, natives, guise, reasons):
        self.same = collections.Counter()  # by folder, tests and parts
        self.unstable = []  # (name, results natively, on Guise)
        self.known = []  # (name, native, guise, why)
        self.unknown = []  # (name, native, guise)
        self.verdicts = collections.Counter()
        used = set()
        absent = 'absent'
        for name in dict.fromkeys([n for run in [*natives, guise] for n in run]):
            before = list(dict.fromkeys(run.get(name, absent) for run in natives))
            now = guise.get(name, absent)
            if len(before) > 1:
                self.unstable.append((name, before, now))
            elif before[0] == now:
                self.same[self.kind(name)] += 1
                self.verdicts[self.kind(name) + (now.split()[0],)] += 1
            else:
                row = next((r for r in reasons if fnmatch.fnmatchcase(name, r[0]) and fnmatch.fnmatchcase(before[0], r[1])
                            and fnmatch.fnmatchcase(now, r[2])), None)
                if row:
                    used.add(row)
                    self.known.append((name, before[0], now, row[3]))
                else:
                    self.unknown.append((name, before[0], now))
        self.unused = [r for r in reasons if r not in used and r[2] != '*']  # * on Guise: now and then

    @staticmethod
    def kind(name):
        """(folder, whether it is a part of a test)"""
        return name.split('/', 1)[0], ': ' in name

    def table(self):
        """Lines: how many tests and parts of each folder are how."""
        counts = {}
        for list_, column in ((self.known, 1), (self.unknown, 2), (self.unstable, 3)):
            for entry in list_:
                counts.setdefault(self.kind(entry[0]), [0] * 4)[column] += 1
        for kind, n in self.same.items():
            counts.setdefault(kind, [0] * 4)[0] = n
        out = [f'{"":<32}{"equal":>8}{"explained":>11}{"differ":>8}{"unstable":>10}']
        for folder, part in sorted(counts):
            name = f'{folder}, parts of tests' if part else folder
            n = counts[folder, part]
            out.append(f'{name:<32}{n[0]:>8}{n[1]:>11}{n[2]:>8}{n[3]:>10}')
        n = [sum(c[i] for c in counts.values()) for i in range(4)]
        out.append(f'{"all":<32}{n[0]:>8}{n[1]:>11}{n[2]:>8}{n[3]:>10}')
        return out
