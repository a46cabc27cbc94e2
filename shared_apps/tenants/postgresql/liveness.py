"""Whether an idle connection of the pool still stands, without a round trip."""

import select

import psycopg


def check_socket(connection: psycopg.Connection) -> None:
    """Let go of a connection on which something has arrived: its end, or why it was ended.

    A server that restarts or ends a session says so at once; nobody says anything else to a
    connection that waits in the pool.

    Raises:
        OperationalError: it does not stand any more.

    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    if poll.poll(0):
        connection.close()
        raise psycopg.OperationalError("The connection was ended while it waited.")
