"""What the endpoints of all kinds have in common: a name, an end, and a way into other processes."""

from __future__ import annotations

import errno
import os

from memlane._native import namespace
from memlane.errors import Closed, Error, ObjectNotFound
from memlane.names import encoded_name
from memlane.settings import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from typing_extensions import Self


class Closing:
    """What is closed at the end of a ``with`` block."""

    __slots__ = ()

    if TYPE_CHECKING:

        def close(self) -> None:
            """End it. May be called twice."""

        def _check_open(self) -> None:
            """Raise `Closed` where it was closed."""

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()


class NamedEndpoint(Closing):
    """An open handle on an object that has a name. The other base of a kind's class is its half in the binding.

    The kind says what it remembers of how it was opened (`_KEPT`, attributes of its own), how that becomes arguments of
    the binding's ``_open`` (`_given`), and which arguments a pickle leaves to the object (`_ADOPTED`).
    """

    __slots__ = ()

    _NOUN: ClassVar[str]
    _KEPT: ClassVar[tuple[str, ...]]
    _ADOPTED: ClassVar[tuple[str, ...]]

    if TYPE_CHECKING:
        _permissions: int
        _peer_uid: int

        @property
        def name(self) -> str:
            """The object's name, without a leading slash."""

        @property
        def closed(self) -> bool:
            """Whether the endpoint was closed."""

        @property
        def is_current(self) -> bool:
            """Whether the name still leads to this object: False once it was unlinked or re-created."""

        _open: Callable[..., None]
        """Open or create."""

        def _properties(self) -> dict[str, Any]:
            """Return what the object is, also when the endpoint was closed."""

    # -- closing ---------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        """Raise `Closed` for an endpoint that is."""
        if self.closed:
            raise Closed(f"{self._NOUN} {self.name!r}: this endpoint was closed; open it anew")

    # -- pickling --------------------------------------------------------------------------------------------

    def _given(self) -> dict[str, Any]:
        """Return the arguments of ``_open`` that follow from what is kept."""
        return {"mode": self._permissions, "peer_uid": self._peer_uid}

    def _check_pickle(self) -> None:
        """Raise where the receiver of a pickle could not open the object."""
        self._check_open()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name: the receiver opens the same object, or gets `ObjectNotFound` when it was re-created."""
        self._check_pickle()
        kind = type(self)
        return kind.__new__, (kind,), self._state()

    def _state(self) -> tuple[dict[str, Any], tuple[Any, ...]]:
        return self._properties(), tuple(getattr(self, attribute) for attribute in self._KEPT)

    def __setstate__(self, state: tuple[dict[str, Any], tuple[Any, ...]]) -> None:
        """Open the very object that the pickled endpoint had open."""
        properties, kept = state
        for attribute, value in zip(self._KEPT, kept, strict=True):
            setattr(self, attribute, value)
        self._reopen(properties)

    def _reopen(self, properties: dict[str, Any]) -> None:
        self._open(
            encoded_name(properties["name"]),
            properties["directory"],
            persistent=None,
            create=False,
            uuid=properties["uuid"],
            **dict.fromkeys(self._ADOPTED),
            **self._given(),
        )

    # -- the object's name -----------------------------------------------------------------------------------

    def unlink(self) -> None:
        """Remove the object's name. Open endpoints, this one too, go on with the object.

        Raises:
            ObjectNotFound: The name is gone already, or leads to another object by now.
        """
        self._check_open()
        properties = self._properties()
        if not self.is_current:
            raise ObjectNotFound(
                errno.ENOENT,
                f"{self._NOUN} {self.name!r}: its name was removed already, or leads to another object by now;"
                " memlane.unlink() removes whatever has the name",
            )
        namespace.unlink(encoded_name(properties["name"]), properties["directory"], self._permissions, self._peer_uid)

    # -- repr ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        kind = f"memlane.{type(self).__name__}"
        try:
            properties = self._properties()
        except Closed:
            return f"<{kind}: never opened>"
        described = self._described(self._condition(), properties)
        return f"<{kind} {properties['name']!r}: {described} in {os.fsdecode(properties['directory'])!r}>"

    def _condition(self) -> str:
        if self.closed:
            return "closed"
        try:
            condition = self._progress()
        except Error as error:  # a forked child without a place, a truncated file: whoever logs it wants its name
            condition = f"unusable ({type(error).__name__})"
        return condition if self.is_current else f"{condition}, no longer under its name"

    if TYPE_CHECKING:

        def _progress(self) -> str:
            """Say how far an open endpoint has come, such as "version 3"."""

        def _described(self, condition: str, properties: dict[str, Any]) -> str:
            """Say what the object is, around the endpoint's condition."""
