"""Who may log in, and the passwords that the stack makes."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pulumi
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ... import last_update
from ...component import Component
from ...seed import Derive, Seed, keyed_digest
from ...settings import User
from .htpasswd import Login, bcrypt_cost, bcrypt_hash, htpasswd

_SALT_BYTES = 16
_PASSWORD_COST = 10
_RANDOM_PASSWORD_COST = 4
"""A password of 256 random bits needs no slow hash."""
_FEW = 4
_SEAL_BYTES = 64
_DIGEST_DIGITS = 32


@dataclass(frozen=True)
class _Wanted:
    """A hash that the users file needs."""

    password: str
    salt: bytes
    cost: int

    def hashed(self) -> str:
        """Return the hash itself, slowly."""
        return bcrypt_hash(self.password, self.salt, self.cost)

    def digest(self, key: bytes) -> str:
        """Return what tells it from every other one, and helps nobody who lacks the key."""
        content = b"%02d" % self.cost + self.salt + self.password.encode()
        return hmac.new(key, content, hashlib.sha256).hexdigest()[:_DIGEST_DIGITS]


class Users(Component):
    """The users file, and what the passwords in it are.

    A bcrypt hash is slow on purpose, and the same password has to give the same hash in each run. So the hashes of an
    update are kept in the state, encrypted by a key of the seed, and the next run computes only what is not among them.
    """

    file: pulumi.Output[str]
    """The proxy's users file, secret."""
    made: pulumi.Output[dict[str, str]] | None
    """User name -> the password that was made, secret; None where each user brings one."""

    def __init__(
        self,
        name: str,
        users: Sequence[User],
        anonymous_pull: Sequence[str],
        verification: tuple[str, str],
        seed: Seed,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the users.

        Args:
            name: Of the component.
            users: Who may log in.
            anonymous_pull: What everybody may pull.
            verification: Name and repository of the user with which the stack proves itself.
            seed: What salts and passwords are derived from.
            opts: Of the component.
        """
        rights = {user.name: {"access": user.access, "repositories": list(user.repositories)} for user in users}
        known = pulumi.Output.all(*(user.known() for user in users))
        # Apart from the rights, which a first preview knows, when there is no key yet.
        passwords = pulumi.Output.unsecret(
            pulumi.Output.all(known, seed.derivation).apply(lambda both: _password_digests(*both))
        )
        props = {"users": rights, "passwords": passwords, "anonymousPull": list(anonymous_pull)}
        super().__init__(name, opts, props)
        self._anonymous_pull, self._verification = anonymous_pull, verification
        with_hashes: pulumi.Output[tuple[str, str]] = pulumi.Output.all(known, seed.derivation).apply(
            lambda both: self._with_hashes(*both)
        )
        self.file = with_hashes.apply(lambda found: found[0])
        made = [user for user in users if user.secret is None]
        self.made = (
            seed.derivation.apply(lambda derive: {user.name: _made_password(user, derive) for user in made})
            if made
            else None
        )
        self.register_outputs({"hashes": with_hashes.apply(lambda found: found[1])})

    async def _with_hashes(self, users: Sequence[User], derive: Derive) -> tuple[str, str]:
        """Return the users file, and the hashes in it as the next run gets them."""
        wanted = {user.name: _wanted_of(user, derive) for user in users}
        own_name, own_repository = self._verification
        own = _Wanted(verification_password(derive), derive("verification.salt", _SALT_BYTES), _RANDOM_PASSWORD_COST)
        wanted[own_name] = [own]
        seal = AESSIV(derive("hashes of passwords", _SEAL_BYTES))
        key = derive("digests of passwords", _SEAL_BYTES)
        missing = [one for ones in wanted.values() for one in ones if isinstance(one, _Wanted)]
        # To read the state takes as long as a few hashes.
        much = sum(2**one.cost for one in missing) > _FEW * 2**_PASSWORD_COST
        kept = _unsealed(seal, await _kept(await self.urn.future() or "")) if much else {}
        hashes = await _hashed(missing, key, kept)
        rights = {user.name: (user.access, user.repositories) for user in users}
        rights[own_name] = ("push", (own_repository,))
        logins = {
            name: Login([one if isinstance(one, str) else hashes[one.digest(key)] for one in ones], *rights[name])
            for name, ones in wanted.items()
        }
        return htpasswd(logins, self._anonymous_pull), _sealed(seal, hashes)


def clear_password(user: User, seed: Seed) -> pulumi.Output[str]:
    """Return a user's password itself, secret.

    The Output fails with a ``pulumi.RunError`` where another resource gives a hash of it.
    """
    return pulumi.Output.secret(
        pulumi.Output.all(user.known(), seed.derivation).apply(lambda both: _clear_password(*both))
    )


def _clear_password(user: User, derive: Derive) -> str:
    if user.has_hash:
        raise pulumi.RunError(
            f"password of the user {user.name}, which another resource gives, is a hash: clients that log in need the "
            "password itself"
        )
    return user.secret.get_secret_value() if user.secret else _made_password(user, derive)


def verification_password(derive: Derive) -> str:
    """Return the password of the user with which the stack proves itself."""
    return derive("verification.password").hex()


def _made_password(user: User, derive: Derive) -> str:
    return derive(f"password {user.name} {user.rotation or ''}").hex()


def _password_digests(users: Sequence[User], derive: Derive) -> dict[str, list[str]]:
    """Return user name -> keyed digests of the password and of the one before it, as far as there are any."""
    key = derive("digests of users' passwords")
    # The name is in it, so that nobody sees which users share a password.
    return {
        user.name: [keyed_digest(key, f"{user.name} {password}") for password in _passwords(user, derive)]
        for user in users
    }


def _passwords(user: User, derive: Derive) -> list[str]:
    given = [secret.get_secret_value() for secret in (user.secret, user.previous_secret) if secret]
    return given if user.secret else [_made_password(user, derive), *given]


def _wanted_of(user: User, derive: Derive) -> list[str | _Wanted]:
    """Return the hash of the user's password, or what it takes to make it, and that of the password before."""
    secrets = [secret.get_secret_value() for secret in (user.secret, user.previous_secret) if secret]
    found = [_wanted_of_given(user.name, secret, derive) for secret in secrets]
    if user.secret is None:
        salt = derive(f"salt {user.name}", _SALT_BYTES)
        found.insert(0, _Wanted(_made_password(user, derive), salt, _RANDOM_PASSWORD_COST))
    return found


def _wanted_of_given(name: str, secret: str, derive: Derive) -> str | _Wanted:
    if bcrypt_cost(secret) is not None:
        return secret
    # The salt depends on the password too, so that a new password gets a new salt.
    return _Wanted(secret, derive(f"salt {name} {secret}", _SALT_BYTES), _PASSWORD_COST)


async def _hashed(wanted: Sequence[_Wanted], key: bytes, kept: Mapping[str, str]) -> dict[str, str]:
    """Return digest -> hash of all that is wanted; what is not kept is computed, on all processors."""
    by_digest = {one.digest(key): one for one in wanted}
    missing = [digest for digest in by_digest if digest not in kept]

    def compute() -> list[str]:
        with ThreadPoolExecutor() as pool:
            return list(
                pool.map(lambda one: bcrypt_hash(one.password, one.salt, one.cost), map(by_digest.get, missing))
            )

    computed = await asyncio.to_thread(compute)
    known = {**kept, **dict(zip(missing, computed, strict=True))}
    return {digest: known[digest] for digest in by_digest}


async def _kept(urn: str) -> Any:
    """Return what the last update left of this component's hashes; nothing if it can't be told."""
    # Without them all is computed as it was in the first update.
    return (await last_update.outputs() or {}).get(urn, {}).get("hashes", "")


def _sealed(seal: AESSIV, hashes: Mapping[str, str]) -> str:
    return base64.b64encode(seal.encrypt(json.dumps(hashes, sort_keys=True).encode(), None)).decode()


def _unsealed(seal: AESSIV, text: Any) -> dict[str, str]:
    """Open what was sealed; what this seed did not seal does not count."""
    try:
        return dict(json.loads(seal.decrypt(base64.b64decode(text), None)))
    except (InvalidTag, ValueError, TypeError):
        return {}
