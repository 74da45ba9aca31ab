"""What suites in Python share: the checks that they count."""


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, name, faults):
        """A check that has passed if there are no faults; a few of them are printed."""
        if faults:
            self.failed += 1
            print(f'FAILED: {name} ({len(faults)})')
            for fault in faults[:5]:
                print(f'    {fault}')
        else:
            self.passed += 1

    def summary(self):
        """Prints the last line; the status to exit with."""
        print(f'{self.passed} passed, {self.failed} failed')
        return 1 if self.failed or not self.passed else 0
