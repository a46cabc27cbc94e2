"""The worker's consumer (``CELERY_WORKER_CONSUMER``): it outlives the loss of the broker."""

from celery.worker import consumer


class Consumer(consumer.Consumer):
    """Celery's, which comes back whatever the worker was at when Redis went."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let go of the lost connection; the caller then connects anew.

        A channel of kombu 5.7 that waits for a message reads once more before it closes. That
        fails, the channel stays half open, and whatever then asks something of it - giving
        messages back, acknowledging a task that ends later - raises an AttributeError which ends
        the worker. There is nothing left to be read.
        """
        for channel in self.connection.transport.channels:
            channel._in_poll = None
        super().on_connection_error_after_connected(exc)
