"""A chat: python3 -m samples.chat, then nc 127.0.0.1 9904 in two terminals. The first line is your name, /quit ends."""

import sys
from contextlib import suppress

from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, CloseReason, Group, Reactor, StreamHandler, Timer


class Member(StreamHandler):
    framing = Lines(max_length=512)
    idle_timeout = None  # who only listens takes what is sent, so that is no measure here
    silence = 600.0  # seconds a member may say nothing
    room: "Group[Member]" = Group()
    name = b""
    kick: Timer

    def on_open(self) -> None:
        self.send(b"Your name?")
        self.kick = self.reactor.call_later(self.silence, self.say_goodbye, b"You have been silent for too long.")

    def process(self, line: bytes) -> bytes | None:
        self.kick.cancel()
        self.kick = self.reactor.call_later(self.silence, self.say_goodbye, b"You have been silent for too long.")
        if line == b"/quit":
            self.say_goodbye(b"Bye.")
        elif self.name:
            self.room.broadcast(self.name + b": " + line, but=self)
        elif not line.strip() or any(member.name == line for member in self.room):
            return b"That name is taken. Your name?"
        else:
            self.name = line
            self.room.join(self)
            self.room.broadcast(b"* %s is here, one of %d" % (line, len(self.room)))
        return None

    def say_goodbye(self, word: bytes) -> None:
        self.send(word)
        self.finish()

    def on_close(self, reason: CloseReason) -> None:
        self.kick.cancel()
        if self.name:
            self.room.broadcast(b"* %s has left" % self.name)


def main(port: int = 9904) -> None:
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Member))
        print(f"chat on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
