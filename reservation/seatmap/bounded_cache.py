"""A cache that is bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """The values that were used last, up to `max_bytes` in all; `size_of` tells the bytes of one."""

    def __init__(self, max_bytes: int, size_of: Callable[[Value], int]) -> None:
        self.max_bytes = max_bytes
        self._size_of = size_of
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._bytes = 0

    @property
    def bytes_used(self) -> int:
        """The bytes of all values."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """A value, which is then the last to be dropped."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value in place of the one before; it is not kept if it exceeds the bound by itself."""
        replaced = self._values.pop(key, None)
        self._bytes -= 0 if replaced is None else self._size_of(replaced)
        if self._size_of(value) <= self.max_bytes:
            self._bytes += self._size_of(value)
            self._values[key] = value
        while self._bytes > self.max_bytes:
            _, oldest = self._values.popitem(last=False)
            self._bytes -= self._size_of(oldest)

    def clear(self) -> None:
        """Drop all values."""
        self._values.clear()
        self._bytes = 0
