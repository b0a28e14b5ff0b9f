"""``python3 -m nio.trace``: any program, as Python itself would run it, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nio
from nio.trace import CHANNEL, READ, THREAD, WRITE, Trace, read

ROOT = Path(nio.__file__).parent.parent

PIPE = """
import sys
from nio import ByteBuffer, Pipe
with Pipe.open() as pipe:
    pipe.sink.write(b"hello")
    pipe.source.read(ByteBuffer.allocate(8))
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "program.py"


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nio.trace", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, output, what is on stderr."""
    with started(*arguments) as child:
        output, errors = child.communicate(timeout=60)
    return child.returncode, output, errors


def amounts(trace: Trace) -> list[tuple[int | str, int | str]]:
    return [(record[0], record[3]) for record in trace if record[0] in (READ, WRITE)]


WHOLE = [(WRITE, 5), (READ, 5)]


def test_a_program_runs_as_it_does_without(program: Path, out: Path) -> None:
    (program.parent / "beside.py").write_text("WORD = 'beside'\n")
    program.write_text(
        f"{PIPE}import beside\nprint(sys.argv, __name__, __file__ == sys.argv[0], beside.WORD)\nsys.exit(7)\n"
    )
    code, output, errors = run("--out", out, program, "--level", "x")
    assert (code, errors) == (7, "")
    assert output == f"{[str(program), '--level', 'x']} __main__ True beside\n"
    trace = read(out)
    assert trace.problem == ""
    assert amounts(trace) == WHOLE
    assert (trace.header["program"], trace.header["level"]) == (str(program), "io")
    assert trace.header["provider"] in ("epoll", "kqueue", "poll", "select")


def test_a_module_runs_too(program: Path, out: Path) -> None:
    code, output, errors = run("--out", out, "-m", "json.tool", "--help")
    assert (code, errors) == (0, "")
    assert "usage" in output
    assert read(out).records == []


def test_without_a_place_to_write_the_lines_are_followed(program: Path) -> None:
    program.write_text(PIPE)
    code, output, errors = run(program)
    assert (code, output) == (0, "")
    lines = errors.splitlines()
    assert lines[0].endswith("MainThread   channel 1 is a pipe, descriptor 3")
    assert [line[26:] for line in lines[2:4]] == ["write(2, 5) = 5", "read(1, 8) = 5"]


def test_a_program_that_raises(program: Path, out: Path) -> None:
    program.write_text(f"{PIPE}def f():\n    raise KeyError('as asked')\nf()\n")
    code, _, errors = run("--out", out, program)
    assert code == 1
    assert errors.splitlines()[0] == "Traceback (most recent call last):"
    assert f'File "{program}"' in errors.splitlines()[1]
    assert errors.splitlines()[-1] == "KeyError: 'as asked'"
    assert amounts(read(out)) == WHOLE


def test_a_program_that_is_no_python(program: Path, out: Path) -> None:
    program.write_text("def\n")
    code, _, errors = run("--out", out, program)
    assert code == 1
    assert errors.startswith(f'  File "{program}", line 1\n')
    assert "SyntaxError" in errors


def test_a_program_that_is_not_there(tmp_path: Path, out: Path) -> None:
    missing = tmp_path / "missing.py"
    words = f"nio.trace: [Errno 2] No such file or directory: {str(missing)!r}\n"
    assert run("--out", out, missing) == (2, "", words)
    assert not out.exists()


def test_no_program() -> None:
    code, _, errors = run("--follow")
    assert code == 2
    assert errors.endswith("nio.trace: error: a PROGRAM is needed, or -m MODULE\n")


def test_a_program_that_leaves_by_os_exit(program: Path, out: Path) -> None:
    """A tenth of a second at most is lost: it waits until what it did is in the file."""
    wait = f"""
import os, time, zlib
while len(zlib.decompressobj(31).decompress(open({str(out)!r}, "rb").read()).splitlines()) < 5:
    time.sleep(0.01)
os._exit(9)
"""
    program.write_text(PIPE + wait)
    assert run("--out", out, program) == (9, "", "")
    trace = read(out)
    assert amounts(trace) == WHOLE
    assert "ends too early" in trace.problem


def test_a_ctrl_c(program: Path, out: Path) -> None:
    program.write_text(f"{PIPE}import signal\nprint('up', flush=True)\nsignal.pause()\n")
    with started("--out", out, program) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    trace = read(out)
    assert (trace.problem, amounts(trace)) == ("", WHOLE)


def test_threads_go_on_after_the_last_line_and_are_recorded(program: Path, out: Path) -> None:
    program.write_text(
        """
import atexit, threading
from nio import Pipe
def use():
    with Pipe.open() as pipe:
        pipe.sink.write(b"abc")
def later():
    main.join()
    use()
main = threading.main_thread()
atexit.register(use)
threading.Thread(target=later, name="later").start()
threading.Thread(target=lambda: 1 / 0, name="dies").start()
"""
    )
    code, _, errors = run("--out", out, program)
    assert code == 0
    assert "ZeroDivisionError" in errors
    trace = read(out)
    assert amounts(trace) == [(WRITE, 3), (WRITE, 3)]
    assert {record[3] for record in trace if record[0] == THREAD} == {"later", "MainThread"}


def test_a_program_that_forks(program: Path, out: Path) -> None:
    program.write_text(
        f"""{PIPE}
import os
pid = os.fork()
if pid == 0:
    with Pipe.open() as pipe:
        pipe.sink.write(b"child")
    sys.exit(3)
print(pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    )
    code, output, errors = run("--out", out, program)
    pid, child = output.split()
    assert (code, child, errors) == (0, "3", "")
    assert amounts(read(out)) == WHOLE
    of_child = read(f"{out}.{pid}")
    assert (of_child.problem, amounts(of_child)) == ("", [(WRITE, 5)])
    assert of_child.header["process"] == int(pid)


PREFORK = """
import signal, socket, sys, threading, os
from nio import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Prefork, StreamHandler

class Hello(StreamHandler):
    def process(self, record):
        self.reactor.stop()
        return b"Hello " + record

with Prefork(processes=1) as server:
    listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
    port = listener.port
    server.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Hello))
    def ask():
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"bob\\n")
            print(sock.recv(100), flush=True)
    if os.fork() == 0:
        ask()
        os._exit(0)
    server.run()
"""


def test_each_process_of_a_prefork_server_has_a_file_of_its_own(program: Path, out: Path) -> None:
    program.write_text(PREFORK)
    code, output, errors = run("--out", out, program)
    assert (code, output, errors) == (0, "b'Hello bob\\n'\n", "")
    children = [read(path) for path in out.parent.glob(f"{out.name}.*")]
    [served] = [amounts(trace) for trace in children if amounts(trace)]
    assert served.index((READ, 4)) < served.index((WRITE, 10))
    assert all(trace.problem == "" for trace in children)


def test_a_place_that_cannot_be_written_is_told_before_the_program_runs(program: Path, tmp_path: Path) -> None:
    program.write_text("print('ran')\n")
    code, output, errors = run("--out", tmp_path / "no" / "where", program)
    assert (code, output) == (2, "")
    assert errors.startswith("nio.trace: [Errno 2] No such file or directory")
    assert len(errors.splitlines()) == 1
    code, output, errors = run("--out", "/dev/full", program)
    assert (code, output, errors) == (2, "", "nio.trace: [Errno 28] No space left on device\n")


def test_a_disk_that_gets_full_is_told_once_and_the_program_goes_on(program: Path, out: Path) -> None:
    program.write_text(
        f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
{PIPE * 60}
print("done")
"""
    )
    code, output, errors = run("--out", out, program)
    assert (code, output) == (0, "done\n")
    assert errors == "nio.trace: the trace ends here: [Errno 27] File too large\n"
    trace = read(out)
    assert "could be read" in trace.problem


def test_stderr_that_nobody_reads(program: Path) -> None:
    program.write_text("import os\nos.close(2)\n" + PIPE + "print('done')\n")
    assert run("--follow", program) == (0, "done\n", "")


STUCK = """
import os, sys
from nio import Selector
with Selector.open() as selector:
    for _ in range(5000):
        selector.select_now()
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print("done", flush=True)
"""


def test_a_reader_of_the_lines_who_has_stopped_reading_stops_neither_a_fork_nor_ctrl_c(program: Path) -> None:
    program.write_text(STUCK)
    with started("--follow", program) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "done\n"
        for _ in range(20):  # a Ctrl-C may come when the program is not yet at its end
            child.send_signal(signal.SIGINT)
            try:
                child.wait(1.5)  # and only then is somebody there to read
                break
            except subprocess.TimeoutExpired:
                pass
        assert child.returncode is not None
        child.stderr.read()


def test_what_cannot_be_run_is_told_in_one_sentence(tmp_path: Path) -> None:
    code, output, errors = run("--follow", "-m", "no.such.module")
    assert (code, output) == (2, "")
    assert errors.startswith("nio.trace: cannot run 'no.such.module': ")
    assert errors.count("\n") == 1
    code, output, errors = run("--follow", tmp_path)
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert "__main__" in errors


def test_the_lines_go_where_stderr_was_when_the_program_began(program: Path) -> None:
    program.write_text("import contextlib, io, time\nown = io.StringIO()\nwith contextlib.redirect_stderr(own):\n")
    with program.open("a") as more:
        more.write("".join(f"    {line}\n" for line in PIPE.strip().split("\n")) + "    time.sleep(0.3)\n")
        more.write("print(repr(own.getvalue()))\n")
    code, output, errors = run("--follow", program)
    assert (code, output) == (0, "''\n")
    assert "= 5" in errors


def test_level_teach_tells_of_buffers(program: Path, out: Path) -> None:
    program.write_text(PIPE)
    assert run("--level", "teach", "--out", out, program)[0] == 0
    code, output, _ = run("read", out)
    assert code == 0
    assert "buffer 1 new: position 0, limit 8, capacity 8, 0000000000000000" in output
    assert "buffer 1 position: position 5, limit 8, capacity 8, 68656c6c6f000000" in output


def test_convert(program: Path, out: Path, tmp_path: Path) -> None:
    program.write_text(PIPE)
    run("--out", out, program)
    code, text, _ = run("convert", out)
    assert code == 0
    assert text == run("read", out)[1]
    code, chrome, _ = run("convert", "--to", "chrome", out)
    names = [event["name"] for event in json.loads(chrome)["traceEvents"] if event.get("cat") == "READ"]
    assert names == ["read(1, 8) = 5"]
    assert run("convert", "--to", "html", "--out", tmp_path / "page.html", out) == (0, "", "")
    assert ",1,5,8]" in (tmp_path / "page.html").read_text()


def test_reading_what_is_damaged_shows_what_there_is_and_says_so(program: Path, out: Path) -> None:
    program.write_text(PIPE)
    run("--out", out, program)
    out.write_bytes(out.read_bytes()[:-8])
    code, output, errors = run("read", out)
    assert code == 1
    assert "read(1, 8) = 5" in output
    assert errors.startswith(f"nio.trace: {out} ends too early or is damaged")
    assert errors.endswith("records could be read\n")


def test_reading_what_is_no_trace(program: Path) -> None:
    program.write_text(PIPE)
    code, output, errors = run("read", program)
    assert (code, output) == (2, "")
    assert errors.startswith(f"nio.trace: {program} is no trace of nio")


def test_a_pager_that_has_seen_enough(program: Path, out: Path) -> None:
    program.write_text(PIPE * 2000)
    run("--out", out, program)
    with started("read", out) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert (child.stderr.read(), child.wait(60)) == ("", 0)


def test_channels_are_told(program: Path, out: Path) -> None:
    program.write_text(PIPE)
    run("--level", "events", "--out", out, program)
    trace = read(out)
    assert [record[4] for record in trace if record[0] == CHANNEL] == ["pipe", "pipe"]
    assert amounts(trace) == []
