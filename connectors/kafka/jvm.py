"""The Java that runs the broker, and the archive of its classes that cuts its start to a third."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from connectors.kafka.jars import DEPLOY_DIR
from schemas.errors import MissingTool

INSTALL_JAVA = "apt-get install openjdk-17-jre-headless"


@dataclass(frozen=True)
class Jvm:
    """Command lines for the programs in Kafka's jars.

    A JVM spends most of Kafka's start on loading and compiling classes. Loading is saved by a class data
    archive, which the first broker that is stopped in order leaves beside the jars; the JVM checks that it
    fits, and does without where it doesn't. Compiling is cut short by leaving out the optimising compiler,
    which also leaves the processors to the service on a small machine.
    """

    program: str
    jars: Path
    heap: str = "512m"

    @property
    def archive(self) -> Path:
        """Where the classes of this Java and these jars are archived; it may not be there."""
        program = Path(self.program).resolve()
        version = f"{program}:{program.stat().st_mtime_ns}"
        return self.jars / f"classes-{hashlib.sha256(version.encode()).hexdigest()[:16]}.jsa"

    def unfinished_archive(self) -> Path | None:
        """A new file's name for a broker to leave an archive in when it ends; None where there is one."""
        return None if self.archive.exists() else self.jars / f"unfinished-{uuid4().hex}.jsa"

    def keep(self, unfinished: Path) -> None:
        """Take a finished archive into use. Only whole ones get its name: a rename is atomic."""
        if unfinished.exists():
            unfinished.rename(self.archive)

    def command(
        self, main: str, *arguments: str, log_file: Path, leave_archive: Path | None = None
    ) -> list[str]:
        """The command line that runs the class `main`, logging to `log_file`."""
        sharing = [f"-XX:SharedArchiveFile={self.archive}"] if self.archive.exists() else []
        if leave_archive is not None:
            sharing = [f"-XX:ArchiveClassesAtExit={leave_archive}"]
        return [
            self.program,
            f"-Xmx{self.heap}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-XX:+ExitOnOutOfMemoryError",
            *sharing,
            "-Xlog:disable",  # the archive's warnings; the broker's own log is log4j's
            "-Xlog:all=error:stderr",
            f"-Dveriaidpo.log.file={log_file}",
            f"-Dlog4j2.configurationFile=file:{DEPLOY_DIR / 'log4j2.properties'}",
            "-cp",
            ":".join(str(jar) for jar in sorted(self.jars.glob("*.jar"))),
            main,
            *arguments,
        ]


def java() -> str:
    """The `java` to run: JAVA_HOME's, else the one on PATH."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if found is None:
        raise MissingTool(tool="Java 17", install=INSTALL_JAVA)
    return found
