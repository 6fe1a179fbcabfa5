"""A deployment by commands: kubectl, helm, argo, or a script of one's own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence

from pytest_mlready.deployment.histories import changes
from pytest_mlready.deployment.interface import Acknowledged, Refused, Unanswered
from pytest_mlready.deployment.places import filled, has
from pytest_mlready.records import Change


class Shell:
    """Each order and question a command line, which is not given to a shell.

    `{version}` and `{url}` are filled in. `current` prints the version, `versions` one a word, `history` a JSON list,
    newest first, or one JSON object a line. An exit code other than 0 is a refusal.

    Parameters:
        commands: by name: versions, current, promote, rollback, history; only current and promote are required.
        url: of the instance.
        timeout_s: seconds for each.
        environment: added to this process's; the variables that hold the right.
    """

    def __init__(
        self, commands: Mapping[str, str], url: str, timeout_s: float, environment: Mapping[str, str] | None = None
    ) -> None:
        self._commands = commands
        self._url = url
        self._timeout_s = timeout_s
        self._environment = dict(environment or {})
        self.remembers = "rollback" in commands and not has(commands["rollback"], "version")

    def versions(self) -> Sequence[str]:
        """The words that the command prints; without one only the current version is known."""
        return self._run("versions").split() if "versions" in self._commands else [self.current()]

    def current(self) -> str:
        """What the command prints."""
        if not (found := self._run("current").strip()):
            raise Unanswered("the command for the current version printed nothing")
        return found

    def promote(self, version: str) -> Acknowledged:
        """Acknowledged when the command ends with 0."""
        self._run("promote", version)
        return Acknowledged()

    def rollback(self, to: str | None = None) -> Acknowledged:
        """The rollback command; with a version and no place for it, a promotion."""
        command = self._commands.get("rollback", "")
        if to is not None and not has(command, "version"):
            return self.promote(to)
        if not command or (to is None and has(command, "version")):
            raise Unanswered("the rollback command must be told a version")
        self._run("rollback", to)
        return Acknowledged()

    def history(self) -> Sequence[Change] | None:
        """What the command prints."""
        if "history" not in self._commands:
            return None
        text = self._run("history")
        try:
            if text.lstrip().startswith("["):
                return changes(json.loads(text))
            return changes([json.loads(line) for line in text.splitlines()])
        except (ValueError, TypeError) as error:
            raise Unanswered(f"the history command printed no JSON lines: {error}") from None

    def at(self, url: str) -> Shell | None:
        """The same commands for another instance; None where none of them says which."""
        if not any(has(one, "url") for one in self._commands.values()):
            return None
        return Shell(self._commands, url, self._timeout_s, self._environment)

    def holding(self, token: str | None) -> Shell:
        """The same with another right in the environment variables that hold it."""
        right = dict.fromkeys(self._environment, token or "")
        return Shell(self._commands, self._url, self._timeout_s, right)

    def _run(self, name: str, version: str | None = None) -> str:
        words = [filled(word, version=version, url=self._url) for word in shlex.split(self._commands[name])]
        try:
            done = subprocess.run(
                words,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unanswered(f"`{shlex.join(words)}` did not end within {self._timeout_s:g} s") from None
        except OSError as error:
            raise Unanswered(f"`{words[0]}` cannot be run: {error}") from None
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines() or [""]
            raise Refused(f"exit code {done.returncode}", said[-1][:200])
        return done.stdout.decode("utf-8", "replace")
