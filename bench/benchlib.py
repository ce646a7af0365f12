"""What the measuring scripts share: the machine, processes with their peak memory, figures and how they are printed.

Standard library only. Keep this process small: Linux counts the memory of the process that starts another one towards the other's
peak, so whatever is large here would be found there again.
"""

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
MODEL = ROOT / "deps" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
# What decides how fast matrix products are, in the words of /proc/cpuinfo (x86, then ARM).
FEATURES = (
    "avx2 f16c fma avx_vnni avx512f avx512bw avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16 "
    "asimddp asimdhp bf16 i8mm sve sve2"
).split()
MEBI = 1 << 20


class BenchError(Exception):
    """Something is missing or wrong; the text says what to do."""


# ---- the machine -----------------------------------------------------------------------------------------------------------------


def cpu_fields():
    fields = {}
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as source:
            for line in source:
                key, _, value = line.partition(":")
                fields.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    return fields


def busy_processors(seconds=1.0):
    """Processors' worth of work that others do right now, from /proc/stat."""

    def read():
        with open("/proc/stat", encoding="utf-8") as source:
            times = [int(number) for number in source.readline().split()[1:9]]
        return sum(times), times[3] + times[4]

    try:
        total, idle = read()
        time.sleep(seconds)
        total_later, idle_later = read()
    except OSError:
        return 0.0
    share = 1 - (idle_later - idle) / max(1, total_later - total)
    return share * (os.cpu_count() or 1)


def total_memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def describe_machine():
    fields = cpu_fields()
    has = (fields.get("flags") or fields.get("Features") or "").split()
    return {
        "processor": fields.get("model name", platform.machine()),
        "family_model": f"{fields.get('cpu family', '?')}/{fields.get('model', '?')}",
        "processors": os.cpu_count(),
        "features": [name for name in FEATURES if name in has],
        "missing": [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name not in has]
        if platform.machine() == "x86_64"
        else [],
        "memory_gib": round(total_memory() / (1 << 30), 1),
        "system": f"{platform.system()} {platform.release()}",
        "load": [round(value, 2) for value in os.getloadavg()],
        "busy": round(busy_processors(), 2),
    }


def print_machine(machine):
    print(f"processor  {machine['processor']} (family/model {machine['family_model']}), {machine['processors']} processors, "
          f"{machine['memory_gib']} GiB")
    print(f"features   {' '.join(machine['features'])}"
          + (f"   (without {' '.join(machine['missing'])})" if machine["missing"] else ""))
    print(f"load       {' '.join(map(str, machine['load']))}; {machine['busy']} processors busy right now")
    if machine["busy"] > 0.2 or machine["load"][0] > 0.7:
        print("warning    a processor is busy with something else: times and ratios below are not to be trusted")
    sys.stdout.flush()


# ---- processes -------------------------------------------------------------------------------------------------------------------


class Watch:
    """Peaks of a process's memory while a block runs, anonymous and file-backed apart, looked at every so many seconds."""

    def __init__(self, pid, every=0.01):
        self.path, self.every = f"/proc/{pid}/status", every
        self.anonymous = self.file = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def read(self):
        """0, 0 when the process is gone."""
        try:
            with open(self.path, encoding="ascii") as source:
                fields = dict(line.split(":", 1) for line in source)
            return [int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile")]
        except (OSError, KeyError):
            return [0, 0]

    def look(self):
        while not self.stop.wait(self.every):
            anonymous, file = self.read()
            self.anonymous, self.file = max(self.anonymous, anonymous), max(self.file, file)

    def __enter__(self):
        self.before = sum(self.read())
        self.anonymous, self.file = self.read()
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.stop.set()
        self.thread.join()


class Measured:
    """What one finished process took."""

    def __init__(self, seconds, usage, output, watch):
        self.anonymous, self.file = watch.anonymous, watch.file
        self.seconds = seconds
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_bytes = usage.ru_maxrss * 1024
        self.output = output


def measure(command, allowed=(0,)):
    """Run a command to its end; its own peak resident memory and times from the kernel (wait4)."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        with Watch(process.pid, 0.05) as watch:
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in allowed:
            tail = err.read().decode("utf-8", "replace")[-1000:]
            raise BenchError(f"exit status {process.returncode} of: {shlex.join(command)}\n{tail}")
        return Measured(seconds, usage, out.read(MEBI).decode("utf-8", "replace"), watch)


class Talker:
    """A process that answers lines with lines of JSON."""

    def __init__(self, command, log):
        self.command = [str(part) for part in command]
        self.log_path = Path(log)
        self.log = open(log, "wb")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)

    def send(self, line):
        try:
            self.process.stdin.write(line.encode("utf-8") + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: read() tells why

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            tail = self.log_path.read_text("utf-8", "replace")[-1500:]
            raise BenchError(f"exit status {status} of: {shlex.join(self.command)}\n{tail}")
        return json.loads(line)

    def ask(self, line):
        self.send(line)
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


# ---- what is measured: programs, model, folders --------------------------------------------------------------------------------------


def options(description):
    """The options that all scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="CMake's build folder (default: build)")
    parser.add_argument("--work", type=Path, help="folder for temporary data, some GB (default: a new one below $TMPDIR)")
    parser.add_argument("--tiny", action="store_true", help="little data, one run: shows that the script works, measures nothing")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    return parser


def salient(setting):
    program = setting.build / "salient"
    if not program.is_file():
        raise BenchError(f"{program} is not there; to go on, type:  make")
    return program


def driver(setting, name):
    """A measuring program of this folder, built when needed."""
    if not (setting.build / "CMakeCache.txt").is_file():
        raise BenchError(f"{setting.build} is no build folder; to go on, type:  make")
    command = ["cmake", "--build", setting.build, "--target", name]
    try:
        measure(command)
    except FileNotFoundError as error:
        raise BenchError(f"{error.filename} is not there; to go on, type:  scripts/deps") from error
    return setting.build / "bench" / name


def scratch(setting):
    """A temporary folder, removed at the end (as a context manager)."""
    if setting.work:
        setting.work.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="salient-bench-", dir=setting.work)


def need_disk(folder, size):
    free = shutil.disk_usage(folder).free
    if free < size:
        raise BenchError(f"{folder} has {free / 1e9:.1f} GB free; {size / 1e9:.1f} GB are needed "
                         "(another folder: --work FOLDER)")


def bf16_model(setting):
    """The demo model with bfloat16 weights, made once for each build folder."""
    target = setting.build / "bench" / "SmolLM2-135M-Instruct.bf16.gguf"
    if not MODEL.is_file():
        raise BenchError(f"{MODEL} is not there; to go on, type:  make deps")
    if not target.is_file() or target.stat().st_mtime < MODEL.stat().st_mtime:
        target.parent.mkdir(parents=True, exist_ok=True)
        measure([salient(setting), "model", "convert", MODEL, target, "--type", "bf16"])
    return target


def python_with(folder, requirements, what):
    """A Python of its own outside the checkout with the packages of a file of this folder, at their pinned versions; made on first use."""
    cache = os.environ.get("SALIENT_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "salient"
    folder = Path(cache) / folder
    python = folder / "bin" / "python"
    wanted = (BENCH / requirements).read_text("utf-8")
    stamp = folder / "requirements.txt"
    if not (stamp.is_file() and stamp.read_text("utf-8") == wanted):
        print(f"installing {what} into {folder} (once)", file=sys.stderr)
        measure([sys.executable, "-m", "venv", folder])
        measure([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--requirement",
                 BENCH / requirements])
        stamp.write_text(wanted, "utf-8")
    return python


def torch_python():
    return python_with("bench-venv", "requirements.txt", "PyTorch and transformers (5 GB)")


def document():
    """The document of 917 tokens (SmolLM2's tokenizer)."""
    return (BENCH / "document.txt").read_text("utf-8").rstrip("\n")


# ---- figures -------------------------------------------------------------------------------------------------------------------------


def figure(name, value="", target="", met=None, peer="", detail="", ours="", theirs="", ratio=""):
    """One result, a row of the table: all texts but met (True, False, or None where there is no target).
    ours, theirs and ratio are what the table shows; value says them in one line (default: from these three)."""
    ours = ours or value
    value = value or "; ".join(part for part in (ratio, f"ours {ours}", f"theirs {theirs}" if theirs else "") if part)
    return {"name": name, "value": value, "target": target, "met": met, "peer": peer, "detail": detail,
            "ours": ours, "theirs": theirs, "ratio": ratio}


def print_figures(figures):
    for item in figures:
        print(f"{item['name']}: {item['value']}")
        if item["target"]:
            verdict = {True: "met", False: "NOT met", None: "not judged"}[item["met"]]
            print(f"    target  {item['target']}: {verdict}")
        if item["peer"]:
            print(f"    against {item['peer']}")
        if item["detail"]:
            print(f"    {item['detail']}")
    sys.stdout.flush()


def main(name, description, add_options, run):
    """Parse, measure, print, save. run(setting) returns a list of figures."""
    parser = options(description)
    add_options(parser)
    setting = parser.parse_args()
    try:
        if not setting.json:
            print_machine(describe_machine())
        figures = run(setting)
    except BenchError as error:
        sys.exit(f"bench/{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print_figures(figures)
    if setting.json:
        setting.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False), "utf-8")
