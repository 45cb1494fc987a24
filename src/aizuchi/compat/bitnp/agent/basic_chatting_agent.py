"""`BasicChattingAgent`: what a page's visitor writes is answered by a model and spoken by a voice.

Events to the page, for one answer: `start_of_response`; for each sentence `say_aloud`, its text on the first
piece of sound alone; `bracket_tag` where the text has a [tag]; `flip_ppt_page` as soon as the tag of a slide
is whole; `end_of_response` with the raw text, and after it the last slide's `flip_ppt_page` once more.
"""

from __future__ import annotations

import asyncio
import base64
from contextlib import aclosing
from typing import Any, Final

from aizuchi.compat.bitnp.agent.abstract_agent import Agent, EventData
from aizuchi.compat.bitnp.agent.spoken_sep_node import SpokenSepNode
from aizuchi.compat.bitnp.agent.tags import PageTags, pages
from aizuchi.compat.bitnp.agent.wav_files import spoken
from aizuchi.compat.bitnp.llm_api import create_bot
from aizuchi.compat.bitnp.stream_node import BracketsParsorNode, LambdaNode
from aizuchi.compat.bitnp.tts import create_tts

SEPS: Final = "'.:;?!。：；？！\n"
"""Where a sentence may end. A comma does not end one."""
INTERRUPTING: Final = "(打断了你) "
"""Stands before what interrupted an answer, so that the model knows."""


class BasicChattingAgent(Agent):
    """`llm_api_config` and `tts_config` are dictionaries or models of `config_types`.

    `tts_stream`: sound is sent while it is made, else sentence by sentence.
    """

    def __init__(
        self,
        server_url: str,
        agent_name: str,
        llm_api_config: Any,
        tts_config: Any,
        tts_stream: bool = False,
    ) -> None:
        super().__init__(server_url, agent_name)
        self.llm = create_bot(**llm_api_config)
        self.tts = create_tts(**tts_config)
        self.tts_stream = tts_stream

        self.sentence_sep_node = SpokenSepNode(seps=SEPS)
        self.brackets_parsor_node = BracketsParsorNode()
        self.event_emitter = LambdaNode(lambda _, data: self.handle_event(data))
        self.sentence_sep_node.connect_to(self.brackets_parsor_node)
        self.brackets_parsor_node.connect_to(self.event_emitter)

        self._curr_agent_response = ""
        """What the page has got of the answer so far."""
        self._curr_task: asyncio.Task[Any] | None = None
        self._page_tags = PageTags()

        self.on("user_input")(self._user_input)
        self.llm.on("start_of_response")(self._started)
        self.llm.on("message_delta")(self._delta)
        self.llm.on("error")(self._error)
        self.llm.on("done")(self._done)

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            for part in (self.llm, self.tts):
                if close := getattr(part, "close", None):
                    await close()

    def interrupt(self) -> bool:
        """Stop answering; True if an answer was cut short. What was said of it stays in the context."""
        task, self._curr_task = self._curr_task, None
        if task is None:
            return False
        task.cancel()
        self.sentence_sep_node.reset()
        messages = self.llm.messages
        if not messages or messages[-1].get("role") == "assistant":
            return False
        if self._curr_agent_response:
            messages.append({"role": "assistant", "content": self._curr_agent_response})
        return True

    async def _arrived(self) -> None:
        """Make connections to model and voice, so that the first answer does not wait for them."""
        for part in (self.llm, self.tts):
            if warm := getattr(part, "warm", None):
                await warm()

    async def handle_event(self, data: EventData) -> None:
        """Bring a text or a tag of the answer to the page: `{"type": "text" | "tag", "content": ...}`."""
        await asyncio.sleep(0)  # an interrupt takes effect here at the latest
        content = data.get("content", "")
        match data.get("type"):
            case "text" if content.strip():
                self._curr_agent_response += content
                await self._say(content)
            case "tag":
                self._curr_agent_response += f"[{content}]"
                await self.emit({"type": "bracket_tag", "content": content})
            case _:
                pass

    async def _say(self, text: str) -> None:
        shown = text
        async with aclosing(spoken(self.tts, text, stream=self.tts_stream)) as files:
            async for file in files:
                sound = base64.b64encode(file).decode("ascii")
                event = {"type": "say_aloud", "content": shown, "media_data": sound, "format": "wav"}
                await self.emit(event)
                shown = ""

    # ---------------------------------------------------------------- what the page and the model tell

    async def _user_input(self, _: Agent, timestamp: str, event_data: EventData) -> None:
        content = event_data.get("content")
        if not isinstance(content, str) or not content.strip():
            return  # the page's own keys send empty inputs; they interrupt nobody
        if self._curr_task is not None and self._curr_task.done():
            self._curr_task = None
        interrupted = self.interrupt()
        self._curr_agent_response = ""
        self._page_tags = PageTags()
        self.llm.append_context(INTERRUPTING + content if interrupted else content, "user")
        answer = self.llm.respond_to_context()
        if self._group is None:
            await answer  # tried out without a relay
        else:
            self._curr_task = self.start(answer)

    async def _started(self, _: Any) -> None:
        await self.emit({"type": "start_of_response"})

    async def _delta(self, data: dict[str, Any]) -> None:
        for page in self._page_tags.push(data["content"]):
            await self.emit({"type": "flip_ppt_page", "page_num": page})
        await self.sentence_sep_node.handle(data["content"])

    async def _error(self, data: dict[str, Any]) -> None:
        await self.emit({"type": "error", "message": data["message"]})

    async def _done(self, data: dict[str, Any]) -> None:
        text = data["content"]
        await self.sentence_sep_node.flush()
        if text:
            self.llm.append_context(text, "assistant")
        await self.emit({"type": "end_of_response", "response": text})
        if named := pages(text):
            await self.emit({"type": "flip_ppt_page", "page_num": named[-1]})
