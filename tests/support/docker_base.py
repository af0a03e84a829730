"""A base image from the Debian packages that this machine has installed: what gunicorn and Flask
need, and nothing else. It takes seconds and no network, where debootstrap takes minutes and both."""

import hashlib
import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

WANTED = ("gunicorn", "python3-flask", "dash", "coreutils", "libc-bin", "base-files")
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"
LEFT_OUT = re.compile(r"/usr/share/(doc|man|info|locale|lintian|bug|javascript)(/|$)")
_RELATION = re.compile(r"[ (:].*")


class _Packages:
    """What dpkg says of the installed packages."""

    def __init__(self):
        form = "${Package}\t${Version}\t${Pre-Depends}, ${Depends}\t${Provides}\t${db:Status-Status}\n"
        output = subprocess.run(["dpkg-query", "-W", "-f", form], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        self.version, self._needs, self._provider = {}, {}, {}
        for line in output.splitlines():
            name, version, needs, provides, state = line.split("\t")
            if state != "installed":
                continue
            self.version[name] = version
            self._needs.setdefault(name, []).extend(
                [_RELATION.sub("", choice.strip()) for choice in group.split("|")]
                for group in needs.split(",") if group.strip())
            for provided in provides.split(","):
                self._provider.setdefault(_RELATION.sub("", provided.strip()), name)

    def _installed(self, name):
        return name if name in self.version else self._provider.get(name)

    def closure(self, names):
        """The packages and all that they need."""
        found, waiting = set(), list(names)
        while waiting:
            name = self._installed(waiting.pop())
            if name is None or name in found:
                continue
            found.add(name)
            for choices in self._needs[name]:
                waiting.extend([next(filter(self._installed, choices), choices[0])])
        return found


def _files_of(packages):
    """Paths that belong to the packages, and the byte code of their Python sources."""
    output = subprocess.run(["dpkg", "-L", *sorted(packages)], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    paths = {line for line in output.splitlines() if line.startswith("/") and line != "/."}
    for path in [path for path in paths if path.endswith(".py")]:
        folder, name = os.path.split(path)
        paths.update(str(code) for code in Path(folder, "__pycache__").glob(name[:-3] + ".*.pyc"))
    return sorted(path for path in paths if not LEFT_OUT.match(path) and os.path.lexists(path))


def _in_merged_tree(path):
    """/lib/x is /usr/lib/x where /lib is a link: a path below a link would hide the link."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _add_text(archive, path, text):
    entry = tarfile.TarInfo(path)
    data = text.encode()
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


LINKS = ("/bin", "/sbin", "/lib", "/lib64")  # into /usr
FOLDERS = (("/tmp", 0o1777), ("/root", 0o700), ("/proc", 0o555), ("/sys", 0o555), ("/dev", 0o755),
           ("/run", 0o755))


def _write(path, files):
    names = {_in_merged_tree(file) for file in files}
    names.update(link for link in LINKS if os.path.islink(link))
    with tarfile.open(path, "w") as archive:
        for name in sorted(names):
            archive.add(name, arcname=name[1:], recursive=False)
        for name, mode in FOLDERS:
            if name in names:
                continue
            entry = tarfile.TarInfo(name[1:])
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        _add_text(archive, "etc/passwd", PASSWD)
        _add_text(archive, "etc/group", GROUP)


def base_archive(cache):
    """Path of a tar file for the engine to import; made once per set of package versions."""
    packages = _Packages()
    names = packages.closure(WANTED)
    key = "\n".join(f"{name} {packages.version[name]}" for name in sorted(names))
    digest = hashlib.sha256((key + Path(__file__).read_text()).encode()).hexdigest()[:16]
    path = Path(cache) / f"docker-base-{digest}.tar"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        try:
            _write(fresh, _files_of(names))
            for old in path.parent.glob("docker-base-*.tar"):
                old.unlink(missing_ok=True)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    return path
