"""Token buckets in Redis, so that several processes share them; without Redis every charge passes.

A limit guards the service's fairness, never its correctness: so a Redis that is away, or slow, costs a
request at most `patience_s`, and after a lost connection, or `MOST_SLOW` requests that have seen no answer at
all, nothing until it answers again. Charges that come at once go in one pipeline, over one connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from connectors.buckets import Charge, Wait
from schemas.errors import ConfigurationError

logger = logging.getLogger(__name__)

PATIENCE_S = 0.01
MOST_SLOW = 3
LOOK_EVERY_S = 0.25
SOCKET_TIMEOUT_S = 1.0
KEY_PREFIX = "veriaidpo:limits:"

# The same arithmetic as connectors/buckets.py, in one step that no other process can come between, and by
# Redis's own clock. ARGV: per_minute and cost of each bucket in turn. Gives the index of the bucket to wait
# for and the milliseconds, or -1 and 0.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
local levels, wait, index, full_in = {}, 0, -1, 0
for i = 1, #ARGV / 2 do
  local per_minute, cost = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local level = tonumber(redis.call('HGET', KEYS[1], 'level' .. i) or per_minute)
  level = math.min(per_minute, level + math.max(0, now - at) * per_minute / 60000)
  local missing = math.min(cost, per_minute) - level
  if missing > 0 and missing * 60000 / per_minute > wait then
    wait, index = missing * 60000 / per_minute, i - 1
  end
  levels[i] = level - cost
  full_in = math.max(full_in, (per_minute - levels[i]) * 60000 / per_minute)
end
if index >= 0 then return {index, math.ceil(wait)} end
redis.call('HSET', KEYS[1], 'at', now)
for i, level in ipairs(levels) do redis.call('HSET', KEYS[1], 'level' .. i, tostring(level)) end
redis.call('PEXPIRE', KEYS[1], math.ceil(full_in) + 1000)
return {-1, 0}
"""


@dataclass(frozen=True)
class _Asked:
    """One charge, and where its answer goes: the script's, or None where Redis didn't give one."""

    key: str
    charges: Sequence[Charge]
    answer: asyncio.Future[Wait | None]


class RedisBuckets:
    """See `connectors.buckets.Buckets`. `failed_open` counts the charges whose answer nobody saw."""

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=SOCKET_TIMEOUT_S,
                socket_connect_timeout=SOCKET_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:  # its text would repeat the address, and with it the password
            raise ConfigurationError(
                setting="REDIS_URL", reason="it isn't an address such as redis://host:6379/0"
            ) from None
        self._asked: list[_Asked] = []
        self._something_asked = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._digest = ""
        self._answers = 0
        self._slow = 0
        self._said_so = False
        self.up = False
        self.failed_open = 0

    async def __aenter__(self) -> Self:
        await self._look()
        self._tasks = [asyncio.create_task(self._send_what_is_asked()), asyncio.create_task(self._keep())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    async def take(self, key: str, charges: Sequence[Charge]) -> Wait | None:
        """See `Buckets.take`; None as well where Redis doesn't say in time."""
        if self.up:
            asked = _Asked(KEY_PREFIX + key, charges, asyncio.get_running_loop().create_future())
            answers_before = self._answers
            self._asked.append(asked)
            self._something_asked.set()
            await asyncio.wait({asked.answer}, timeout=self._patience_s)
            if asked.answer.done() and not asked.answer.cancelled():
                return asked.answer.result()
            if self._answers == answers_before:
                self._slow += 1
                if self._slow >= MOST_SLOW:
                    self._lost("it is slow")
        self.failed_open += 1
        return None

    async def _send_what_is_asked(self) -> None:
        while True:
            await self._something_asked.wait()
            self._something_asked.clear()
            asked, self._asked = self._asked, []
            try:
                await self._send(asked)
            except (RedisError, OSError, TimeoutError) as error:
                self._lost(type(error).__name__)
            finally:
                for one in asked:
                    one.answer.cancel()  # those that have one keep it

    async def _send(self, asked: Sequence[_Asked]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for one in asked:
            numbers = [number for charge in one.charges for number in (charge.per_minute, charge.cost)]
            pipeline.evalsha(self._digest, 1, one.key, *map(str, numbers))
        for one, (index, wait_ms) in zip(asked, await pipeline.execute(), strict=True):
            if not one.answer.done():
                one.answer.set_result(None if index < 0 else Wait(index, wait_ms / 1e3))
        self._answers += 1
        self._slow = 0

    def _lost(self, why: str) -> None:
        if self.up or not self._said_so:
            logger.warning("redis is away (%s): rate limits fail open until it answers", why)
        self.up, self._slow, self._said_so = False, 0, True

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self.up:
                await self._look()

    async def _look(self) -> None:
        try:
            self._digest = await self._redis.script_load(_TAKE)
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(type(error).__name__)
        else:
            logger.info("redis answers: rate limits are shared; charges it never saw: %d", self.failed_open)
            self.up = True
