"""The publishers' own class: publish a sentence, or publish it and wait for its result."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from schemas.claims.mint import SigningKey
from schemas.codec import Codec
from schemas.errors import DeadlineExceeded
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.permissions import CLASSIFY
from schemas.reply import ReplyAddress
from schemas.topics import reply_topic

from .keys import read_signing_key
from .publisher import Publisher, SentRequest
from .replies import ReplyReader
from .security import KafkaSecurity

DEFAULT_MODEL_TYPE = "principles"


class VeriAIDPOClient:
    """A publishing service's connection.

    `signing_key` is a SigningKey or the path of its file. Replies come on `veriaidpo.replies.<client_name>`
    (by default the key's issuer), read from the first `classify` on; `publish` alone needs no reply topic.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        signing_key: SigningKey | Path | str,
        *,
        client_name: str | None = None,
        role: str = "service",
        codec: Codec | None = None,
        security: KafkaSecurity | None = None,
    ) -> None:
        key = signing_key if isinstance(signing_key, SigningKey) else read_signing_key(Path(signing_key))
        self._name = client_name or key.issuer
        self._role = role
        self._bootstrap_servers = bootstrap_servers
        self._codec = codec or Codec()
        self._security = security
        self._publisher = Publisher(
            bootstrap_servers, key, source=f"veriaidpo/{self._name}", codec=self._codec, security=security
        )
        self._replies: ReplyReader | None = None
        self._starting_replies = asyncio.Lock()
        self._started = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._started.enter_async_context(self._publisher)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._replies = None
        await self._started.aclose()

    async def publish(
        self,
        text: str,
        *,
        tenant_id: str,
        model_type: str = DEFAULT_MODEL_TYPE,
        language: str = "vi",
        request_id: str | None = None,
    ) -> str:
        """Publish one sentence; returns its request id once Kafka has confirmed it.

        Publishing again under the same request id gives the same result id, so a retry is safe.
        """
        request = _request(text, tenant_id, model_type, language, request_id)
        await self._send(request, reply=None, deadline_ms=None)
        return request.request_id

    async def classify(
        self,
        text: str,
        *,
        tenant_id: str,
        model_type: str = DEFAULT_MODEL_TYPE,
        language: str = "vi",
        request_id: str | None = None,
        timeout_s: float = 30.0,
    ) -> ClassificationResult:
        """Publish one sentence and wait for its result.

        Raises DeadlineExceeded after `timeout_s`, or the typed error that the worker answered.
        """
        request = _request(text, tenant_id, model_type, language, request_id)
        try:
            async with asyncio.timeout(timeout_s):
                replies = await self._reply_reader()
                correlation_id = uuid4().bytes
                with replies.expect(correlation_id) as reply:
                    deadline_ms = time.time_ns() // 1_000_000 + int(timeout_s * 1000)
                    await self._send(request, reply=replies.address(correlation_id), deadline_ms=deadline_ms)
                    return await reply
        except TimeoutError as error:
            raise DeadlineExceeded() from error

    async def _send(
        self, request: ClassificationRequest, *, reply: ReplyAddress | None, deadline_ms: int | None
    ) -> SentRequest:
        return await self._publisher.send(
            request,
            subject=self._name,
            role=self._role,
            permissions=(CLASSIFY,),
            reply=reply,
            deadline_ms=deadline_ms,
        )

    async def _reply_reader(self) -> ReplyReader:
        async with self._starting_replies:
            if self._replies is None or not self._replies.ready:  # the first, or after one that failed
                reader = ReplyReader(
                    self._bootstrap_servers,
                    reply_topic(self._name),
                    instance_id=uuid4().hex,
                    codec=self._codec,
                    security=self._security,
                )
                self._replies = await self._started.enter_async_context(reader)
            return self._replies


def _request(
    text: str, tenant_id: str, model_type: str, language: str, request_id: str | None
) -> ClassificationRequest:
    return ClassificationRequest(
        request_id=request_id or str(uuid4()),
        tenant_id=tenant_id,
        model_type=model_type,
        language=language,
        text=text,
    )
