"""Other clocks for programs that a test starts; `clock.c` is preloaded into them."""

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

SOURCE = Path(__file__).parent / "clock.c"


@dataclass(frozen=True)
class Clock:
    """A file that sets the clock of those that were started with `environment`."""

    file: Path
    environment: dict[str, str]

    def set(self, offset: timedelta) -> None:
        """Beside the true time, at once."""
        with self.file.open("r+b") as file:
            file.write(struct.pack("=q", round(offset.total_seconds() * 1e9)))


@contextmanager
def other_clock() -> Iterator[Clock | None]:
    """A clock for a `with` block; None where no C compiler is installed, or the system is not Linux."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not Path("/proc/self").exists():
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="ml_assets_clock-"))
    try:
        # For a server that runs as another user.
        folder.chmod(0o755)
        library, file = folder / "clock.so", folder / "offset"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl", "-pthread"], check=True)
        file.write_bytes(bytes(8))
        yield Clock(file, {"LD_PRELOAD": str(library), "OTHER_CLOCK": str(file)})
    finally:
        shutil.rmtree(folder)
