"""`make install-gateway`, the manual page, the unit of systemd, and `./run live`."""
import re
import socket

from server import stat_of
from support import *

root = f"{scratch}/installed"
made = subprocess.run(["make", "-s", "-C", ROOT, "install-gateway", f"DESTDIR={root}", "PREFIX=/usr"], text=True, stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT)
check("make install-gateway", (0, ["bin/topk-gateway", "lib/systemd/system/topk-gateway.service", "share/man/man1/topk-gateway.1"]),
      (made.returncode, sorted(os.path.relpath(os.path.join(d, name), f"{root}/usr") for d, _, names in os.walk(root) for name in names)))


def read(path):
    with open(path) as file:
        return file.read()


said = subprocess.run([f"{root}/usr/bin/topk-gateway", "--help"], text=True, capture_output=True, timeout=20)
options = set(re.findall(r"^\s*(?:-h,\s*)?(--[a-z-]+)", said.stdout, re.M))
check("--help", 0, said.returncode)
check_true("... lists the options", {"--listen", "--gather-ms", "--keys", "--config"} <= options and len(options) > 20, options)
manual = read(f"{root}/usr/share/man/man1/topk-gateway.1").replace("\\-", "-")
check("the manual page has each option", [], sorted(o for o in options if not re.search(re.escape(o) + r"(?![a-z-])", manual)))
guide = read(f"{ROOT}/docs/gateway.md")
check("docs/gateway.md has each option", [], sorted(o for o in options - {"--help", "--version"} if f"`{o}`" not in guide))
check("... and no other", [], sorted(set(re.findall(r"`(--[a-z-]+)`", guide)) - options))
with Gateway("postgres", "--rollup", "nix", stream=None, wait=False) as g:
    names = set(re.findall(r"^# TYPE (\w+)", g.get("/metrics").text, re.M))
check("docs/gateway.md has each metric", [], sorted(name for name in names if f"`{name}`" not in guide))
check_true("... and there are some", len(names) > 8, names)

# The program starts with the command of the unit.
unit = read(f"{root}/usr/lib/systemd/system/topk-gateway.service")
command = re.search(r"^ExecStart=(.*)$", unit, re.M).group(1).split()
check("the unit's command", ["/usr/local/bin/topk-gateway", "--config", "/etc/topk-gateway.conf"], command)
with socket.create_server(("127.0.0.1", 0)) as s:
    port = s.getsockname()[1]
with open(f"{scratch}/unit.conf", "w") as file:
    file.write(f"listen=127.0.0.1:{port}\ndatabase=dbname=postgres\nstream=a\nstream=b\nrollup=a\n")
process = subprocess.Popen([f"{root}/usr/bin/topk-gateway", "--config", f"{scratch}/unit.conf"], stderr=subprocess.PIPE, text=True)
gateways.append(process)
line = json.loads(process.stderr.readline())
check("... and a file as the unit describes it", ("listening", port), (line["message"], line.get("port")))
process.terminate()
check("... ends with 0", 0, process.wait(timeout=30))
process.stderr.close()

# ./run live: events arrive, the page is there, and Ctrl-C ends all of it.
with socket.create_server(("127.0.0.1", 0)) as s:
    port = s.getsockname()[1]
log = f"{scratch}/live.log"
with open(log, "w") as out:
    live = subprocess.Popen([f"{ROOT}/run", "live", str(port)], stdout=out, stderr=out, cwd="/", stdin=subprocess.DEVNULL, start_new_session=True,
                            env={name: v for name, v in os.environ.items() if not name.startswith("PG") or name == "PG_CONFIG"})
gateways.append(live)


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except OSError:
        return b""
    finally:
        connection.close()


def total():
    try:
        return json.loads(get("/api/v1/topk?time_window=hour"))["total_events"]
    except (ValueError, KeyError):
        return 0


def rises(above, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and live.poll() is None:
        if total() > above:
            return True
        time.sleep(0.2)
    return False


def session(pid):
    try:
        fields = stat_of(pid)
        return None if fields[0] == "Z" else int(fields[3])
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return None


check_true("./run live: there are events", rises(0, 180), read(log)[-2000:])
check_true("... more come", rises(total(), 30), read(log)[-2000:])
check("... it prints the address of the page", True, f"http://127.0.0.1:{port}/" in read(log))
check("... where the page is", True, b"<title>Leaderboard</title>" in get("/"))
check("... for both rollups", ["titles", "countries"], [r["name"] for r in json.loads(get("/api/v1/rollups"))["rollups"]])
live.send_signal(signal.SIGINT)
check("... Ctrl-C ends it", 130, live.wait(timeout=60))
check("... and its processes", [], [pid for pid in filter(str.isdigit, os.listdir("/proc")) if session(pid) == live.pid])
check("... and its server", False, os.path.exists(re.search(r"psql -h (\S+)", read(log)).group(1)))
check("... nobody listens any more", b"", get("/"))
