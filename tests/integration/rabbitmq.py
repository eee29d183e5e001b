"""A real RabbitMQ."""

import contextlib
import pathlib
import secrets
import socket

import amqp

from tests.integration import daemons

# NOTE: not /usr/sbin/rabbitmq-server, which is Debian's wrapper and insists
# on becoming the user rabbitmq.
_SERVER = pathlib.Path('/usr/lib/rabbitmq/bin/rabbitmq-server')


class RabbitMQ(daemons.Parts):
    """A broker on loopback, and the epmd that Erlang needs beside it.

    What is durable survives a restart; queues of a fanout do not.
    """

    def __init__(
        self, directory: pathlib.Path, *, contained: bool = False
    ) -> None:
        """Describe it; start nothing.

        :param contained: as of a `daemons.Daemon`
        :raises DaemonError: it is not installed
        """
        if not _SERVER.exists():
            raise daemons.missing(str(_SERVER))
        self._port = daemons.free_port()
        self._password = secrets.token_hex(8)
        self.url = f'rabbit://steal:{self._password}@127.0.0.1:{self._port}/'
        (directory / 'rabbitmq.conf').write_text(
            f'listeners.tcp.1 = 127.0.0.1:{self._port}\n'
            f'default_user = steal\n'
            f'default_pass = {self._password}\n'
            'log.console = true\n'
            'log.console.level = warning\n'
            'log.file = false\n'
            # Else it refuses work on a small machine or a full disk.
            'vm_memory_high_watermark.absolute = 1GB\n'
            'disk_free_limit.absolute = 50MB\n'
        )
        (directory / 'enabled_plugins').write_text('[].\n')
        # Erlang would start an epmd that nobody ends, on every address; it
        # finds ours instead, which is on a port of its own.
        epmd_port = daemons.free_port()
        environ = {
            'ERL_EPMD_PORT': str(epmd_port),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'HOME': str(directory),
            'RABBITMQ_CONF_ENV_FILE': '/dev/null',
            'RABBITMQ_CONFIG_FILE': str(directory / 'rabbitmq.conf'),
            'RABBITMQ_DIST_PORT': str(daemons.free_port()),
            'RABBITMQ_ENABLED_PLUGINS_FILE': str(
                directory / 'enabled_plugins'
            ),
            'RABBITMQ_LOG_BASE': str(directory / 'log'),
            'RABBITMQ_MNESIA_BASE': str(directory / 'mnesia'),
            'RABBITMQ_NODENAME': f'steal-{self._port}@localhost',
            'RABBITMQ_PID_FILE': str(directory / 'pid'),
            # The other ports on loopback too; and a waiting scheduler
            # thread of Erlang spins, unless it is told not to.
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': (
                '-kernel inet_dist_use_interface {127,0,0,1} '
                '+sbwt none +sbwtdcpu none +sbwtdio none'
            ),
        }
        self.epmd = daemons.Daemon(
            'epmd',
            [daemons.program('epmd')],
            directory,
            lambda: _listens(epmd_port),
            environ,
            contained=contained,
        )
        self.daemon = daemons.Daemon(
            'rabbitmq',
            [str(_SERVER)],
            directory,
            self._ready,
            environ,
            contained=contained,
        )

    def begin(self, stack: contextlib.ExitStack) -> None:
        for daemon in self.epmd, self.daemon:
            stack.callback(daemon.stop)
            daemon.start()

    def consumers(self, queue: str) -> int:
        """How many listen on a queue; 0 where there is no such queue.

        :raises OSError, amqp.AMQPError: the broker does not answer
        """
        with self._connection() as connection:
            channel = connection.channel()
            try:
                return int(
                    channel.queue_declare(queue, passive=True).consumer_count
                )
            except amqp.NotFound:
                return 0

    def _ready(self) -> bool:
        try:
            with self._connection():
                return True
        except amqp.AMQPError:
            return False

    def _connection(self) -> amqp.Connection:
        return amqp.Connection(
            f'127.0.0.1:{self._port}',
            userid='steal',
            password=self._password,
            connect_timeout=5,
            read_timeout=5,
        )


def _listens(port: int) -> bool:
    with socket.create_connection(('127.0.0.1', port), 5):
        return True
