"""GoogleTest and libFuzzer of what reads bytes of clients, under sanitizers."""
import re

from support import *

made = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", f"{ROOT}/tests/gateway", "unit"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
with contextlib.suppress(OSError), open(f"{ROOT}/build/gateway-test/unit.xml") as file:
    for name, case in re.findall(r'<testcase name="(\w+)" (.*?)(?=<testcase |</testsuites>)', file.read(), re.S):
        check_true(f"unit: {name}", "<failure" not in case, case)
check_true("make unit", made.returncode == 0, made.stdout[-2000:])
made = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", f"{ROOT}/tests/gateway", "fuzz", f"FUZZ_SECONDS={os.environ.get('FUZZ_SECONDS', '10')}"], text=True,
                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
check_true("fuzz", made.returncode == 0, made.stdout[-3000:])
executions = re.search(r"number_of_executed_units:\s+(\d+)", made.stdout)
check_true("... has run", executions and int(executions.group(1)) > 1000, made.stdout[-1000:])
