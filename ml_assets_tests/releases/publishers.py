"""A program that publishes a day, or shows lists made anew, when it is told one, in a process that can be killed."""

# Reads a day, forks who publishes it or shows its lists in place of the live ones, tells its pid, waits for its end.
# Forking saves an import each time; a child of a process with threads of Polars would wait for them for ever, and
# killing it would prove nothing.
PUBLISHERS = """
import os, re, sys
from pathlib import Path
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets_tests.releases.frames import release
from ml_assets_tests.releases.reading_crowd import K, lists, make_anew

threads = [task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")]
if any(re.fullmatch("polars-[0-9]+", name) for name in threads):
    sys.exit(f"forking needs a process without these threads: {threads}")
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        connection = ServingConnection.open(sys.argv[1], Schemas())
        if sys.argv[2:] == ["anew"]:
            make_anew(connection, int(line))
        else:
            release(connection, lists(int(line)), day=int(line), k=K)
        os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""
