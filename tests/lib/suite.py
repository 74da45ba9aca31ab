"""The checks of suites in Python, and their counts."""


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, name, faults):
        """Counts a check, which has passed if there are no faults; prints a few of the faults."""
        if faults:
            self.failed += 1
            print(f'FAILED: {name} ({len(faults)})')
            for fault in faults[:5]:
                print(f'    {fault}')
        else:
            self.passed += 1

    def summary(self):
        """Prints the last line, and returns the exit status."""
        print(f'{self.passed} passed, {self.failed} failed')
        return 1 if self.failed or not self.passed else 0
