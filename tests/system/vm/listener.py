"""A syslog of somebody else's: whatever comes to 127.0.0.1:5514 is a line of /root/syslog.log."""

import asyncio
from pathlib import Path

PLACE = ("127.0.0.1", 5514)


class Listener(asyncio.DatagramProtocol):
    def datagram_received(self, data: bytes, addr: object) -> None:
        keep("udp", data)


def keep(how: str, data: bytes) -> None:
    """One line, at once."""
    with Path("/root/syslog.log").open("ab") as file:
        file.write(how.encode() + b" " + data + b"\n")


async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, to its end."""
    keep("tcp", await reader.read())
    writer.close()


async def main() -> None:
    await asyncio.get_running_loop().create_datagram_endpoint(Listener, local_addr=PLACE)
    async with await asyncio.start_server(taken, *PLACE) as server:
        await server.serve_forever()


asyncio.run(main())
