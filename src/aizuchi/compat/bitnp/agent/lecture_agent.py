"""`LectureAgent`: speaks a script page by page while the page shows its slides.

For each page `flip_ppt_page`, `start_of_response`, then line by line `say_aloud` with the line's `seq` and,
on its last piece, `is_last`; then `end_of_response`. The next line waits until a page tells by
`audio_playback_finished` that it has played this one, or until it must have; its sound is made meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
from contextlib import aclosing
from typing import Any, Final

from aizuchi.compat.bitnp.agent import lecture_script
from aizuchi.compat.bitnp.agent.abstract_agent import Agent, EventData
from aizuchi.compat.bitnp.agent.ahead import Ahead
from aizuchi.compat.bitnp.agent.tags import PAGE, page_of
from aizuchi.compat.bitnp.agent.wav_files import seconds
from aizuchi.compat.bitnp.stream_node import BracketsParsorNode, LambdaNode, SentenceSepNode
from aizuchi.compat.bitnp.tts import create_tts

GRACE: Final = 3.0
"""Seconds beyond a line's own length until it counts as played: no page may be there, or none that plays."""


class LectureAgent(Agent):
    """`tts_config` is a dictionary or a model of `config_types`; further arguments are passed over.

    `lecture_script_path` is a file, or a folder with a `*_scripts.txt`; `ppt_images_dir` the folder of the
    slides, which the server serves under `ppt_base_url`. `auto_start`: begin once connected.
    """

    def __init__(
        self,
        server_url: str,
        agent_name: str,
        tts_config: Any,
        tts_stream: bool = False,
        lecture_script_path: str | None = None,
        ppt_images_dir: str | None = None,
        ppt_base_url: str = "/documents/slides",
        auto_start: bool = True,
        **_: Any,
    ) -> None:
        super().__init__(server_url, agent_name)
        self.tts = create_tts(**tts_config)
        self.tts_stream = tts_stream
        self.lecture_script_path = lecture_script_path
        self.ppt_images_dir = ppt_images_dir
        self.ppt_base_url = ppt_base_url.rstrip("/")
        self.auto_start = auto_start

        self.sentence_sep_node = SentenceSepNode(seps="\n")
        self.brackets_parsor_node = BracketsParsorNode()
        self.event_emitter = LambdaNode(lambda _, data: self.handle_event(data))
        self.sentence_sep_node.connect_to(self.brackets_parsor_node)
        self.brackets_parsor_node.connect_to(self.event_emitter)

        self._ahead = Ahead(self.tts, stream=tts_stream, start=self.start)
        self._scripts: list[dict[str, Any]] = []
        self._curr_index = 0
        self._play_task: asyncio.Task[Any] | None = None
        self._going = asyncio.Event()
        self._going.set()
        self._ready = asyncio.Event()
        """The script is read."""
        self._seq = 0
        self._waiters: dict[int, asyncio.Event] = {}

        self.on("lecture_control")(self._control)
        self.on("audio_playback_finished")(self._played)

    # ---------------------------------------------------------------- script and slides

    def load_scripts(self, script_path: str) -> list[dict[str, Any]]:
        """The pages of a script file or folder: `{"page_num", "content"}` each."""
        return lecture_script.read(script_path)

    def parse_script(self, content: str) -> list[dict[str, Any]]:
        """The pages of a script's text."""
        return lecture_script.parse(content)

    async def emit_ppt_assets(self, images_dir: str) -> None:
        """Tell the pages which slides there are."""
        names = await asyncio.to_thread(lecture_script.slides, images_dir)
        urls = lecture_script.slide_urls(self.server_url, self.ppt_base_url, names)
        await self.emit({"type": "ppt_assets", "urls": urls, "total": len(urls)})

    # ---------------------------------------------------------------- control

    async def apply_control(self, action: str, page_num: int | None = None) -> None:
        """pause, resume: before the next line. next, prev, replay, goto: begin that page anew, at once."""
        action = (action or "").lower()
        if action == "pause":
            self._going.clear()
        elif action == "resume":
            self._going.set()
        elif self._scripts and (index := self._target(action, page_num)) is not None:
            await self.start_from_index(index)

    async def start_from_index(self, index: int) -> None:
        """Play from a page of the script on, counted from 0, in place of what plays now."""
        task, self._play_task = self._play_task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._play_task is not None:
            return  # another wish came while the old page was being ended
        self.sentence_sep_node.reset()
        self._going.set()
        self._play_task = self.start(self._play(index))

    def _target(self, action: str, page_num: int | None) -> int | None:
        match action:
            case "next":
                return min(self._curr_index + 1, len(self._scripts) - 1)
            case "prev":
                return max(self._curr_index - 1, 0)
            case "replay":
                return self._curr_index
            case "goto":
                pages = [page["page_num"] for page in self._scripts]
                return pages.index(page_num) if page_num in pages else None
            case _:
                return None

    # ---------------------------------------------------------------- playing

    async def _play(self, index: int) -> None:
        self._ahead.begin(
            [line for page in self._scripts[index:] for line in await self._lines(page["content"])]
        )
        for number in range(index, len(self._scripts)):
            self._curr_index = number
            await self._going.wait()
            page = self._scripts[number]
            await self.emit({"type": "flip_ppt_page", "page_num": page["page_num"]})
            await self.emit({"type": "start_of_response"})
            await self.sentence_sep_node.handle(page["content"])
            await self.sentence_sep_node.flush()
            await self.emit({"type": "end_of_response", "response": page["content"]})

    async def _lines(self, content: str) -> list[str]:
        """What of a page will be spoken, as the nodes will cut it."""
        parts = [
            await self.brackets_parsor_node.process(each) for each in self.sentence_sep_node.cut(content)
        ]
        kept = (part for each in parts for part in each if part["type"] == "text")
        return [part["content"] for part in kept if part["content"].strip()]

    async def handle_event(self, data: EventData) -> None:
        """Bring a text or a tag of a page to the pages: `{"type": "text" | "tag", "content": ...}`."""
        await self._going.wait()
        content = str(data.get("content", ""))
        match data.get("type"):
            case "text" if content.strip():
                await self._line(content)
            case "tag" if slide := PAGE.fullmatch(f"[{content}]"):
                if page := page_of(slide):
                    await self.emit({"type": "flip_ppt_page", "page_num": page})
            case "tag":
                await self.emit({"type": "bracket_tag", "content": content})
            case _:
                pass

    async def _line(self, text: str) -> None:
        """Speak a line and wait until it was heard."""
        self._seq += 1
        seq = self._seq
        played = self._waiters[seq] = asyncio.Event()
        try:
            length, held = 0.0, b""
            shown = text
            async with aclosing(self._ahead.files(text)) as files:
                async for file in files:
                    if held:  # only the last piece says that it is the last, so each waits for the next
                        await self._say_aloud(shown, held, seq, last=False)
                        shown = ""
                    held = file
                    length += seconds(file)
            await self._say_aloud(shown, held, seq, last=True)
            self._ahead.prepare()
            try:
                async with asyncio.timeout(length + GRACE):
                    await played.wait()
            except TimeoutError:
                pass
        finally:
            del self._waiters[seq]

    async def _say_aloud(self, shown: str, file: bytes, seq: int, *, last: bool) -> None:
        sound = base64.b64encode(file).decode("ascii")
        event = {"type": "say_aloud", "content": shown, "media_data": sound, "format": "wav"}
        await self.emit({**event, "seq": seq, "is_last": last})

    # ---------------------------------------------------------------- what the pages tell

    async def _arrived(self) -> None:
        try:
            if self.lecture_script_path:
                self._scripts = await asyncio.to_thread(self.load_scripts, self.lecture_script_path)
        finally:
            self._ready.set()
        if self.ppt_images_dir:
            await self.emit_ppt_assets(self.ppt_images_dir)
        if self.auto_start and self._scripts:
            await self.start_from_index(0)

    async def _control(self, _: Agent, timestamp: str, event_data: EventData) -> None:
        action, page = event_data.get("action"), event_data.get("page_num", event_data.get("page"))
        if isinstance(page, str) and page.isascii() and page.isdigit():
            page = int(page)
        if isinstance(action, str):
            await self._ready.wait()
            await self.apply_control(action, page if isinstance(page, int) else None)

    async def _played(self, _: Agent, timestamp: str, event_data: EventData) -> None:
        seq = event_data.get("seq")
        if isinstance(seq, int | str) and str(seq).isdigit() and (waiter := self._waiters.get(int(seq))):
            waiter.set()
