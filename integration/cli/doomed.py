"""`flowworker`, whose server is killed when a message is about to be sent that contains a word.

Of `drain:WORD`: it is asked to end when it takes commands, and the server killed at the first such
message after that.
"""

from __future__ import annotations

import os
import signal
import sys
from unittest import mock

from flowworker.cli import cli
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream.client.wire import WireClient

TAKES_COMMANDS = b"CONSUMER.MSG.NEXT.FLOWWORKER_COMMANDS."


class Doom:
    """Knows the server, and when its time has come."""

    def __init__(self, moment: str) -> None:
        before, _, word = moment.rpartition(":")
        self._drains = before == "drain"
        self._word = word.encode()
        self._server: EmbeddedServer | None = None

    def install(self) -> None:
        """See all servers that are started and all that is sent."""
        start, write = EmbeddedServer.start, WireClient._write
        greeting = WireClient._connect_command

        def started(server: EmbeddedServer) -> None:
            start(server)
            self._server = server

        def written(client: WireClient, command: bytes) -> None:
            self.see(command)
            write(client, command)

        def greeted(client: WireClient) -> bytes:
            command = greeting(client)
            self.see(command)
            return command

        mock.patch.object(EmbeddedServer, "start", started).start()
        mock.patch.object(WireClient, "_write", written).start()
        mock.patch.object(WireClient, "_connect_command", greeted).start()

    def see(self, command: bytes) -> None:
        if self._drains:
            if TAKES_COMMANDS in command:
                self._drains = False
                os.kill(os.getpid(), signal.SIGINT)
        elif self._word in command and self._server is not None and self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGKILL)


if __name__ == "__main__":
    Doom(sys.argv.pop(1)).install()
    cli(prog_name="flowworker")
