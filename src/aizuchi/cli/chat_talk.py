"""One chat on one connection: shows and plays what comes, and does what the slash commands say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aizuchi.cli import chat_replies as came
from aizuchi.cli.screen import width_of
from aizuchi.errors import ConfigError
from aizuchi.texts import Texts

if TYPE_CHECKING:
    from aizuchi.cli.chat_line import Line
    from aizuchi.cli.chat_sound import Sound
    from aizuchi.cli.screen import Screen
    from aizuchi.texts import Lang

TEXTS: Final = Texts(
    {
        "you": ("you", "你"),
        "thinking": ("…", "…"),
        "error": ("[{text}]", "[{text}]"),
        "switched": ("Now chatting with {name}.", "现在与 {name} 聊天。"),
        "cleared": ("The conversation is forgotten.", "对话历史已清空。"),
        "saved": ("{path}: {seconds:.1f} s of reply", "{path}：{seconds:.1f} 秒回答"),
        "no_sound": (
            "There is no reply with sound to save yet; `/save on` saves each one.",
            "还没有可保存的语音回答；`/save on` 会保存每一段。",
        ),
        "each": ("Each reply is saved.", "每段回答都会保存。"),
        "not_each": ("Replies are saved with /save only.", "只有 /save 才保存回答。"),
        "plays": ("Replies are played.", "回答会播放出来。"),
        "mute": ("Replies are not played.", "回答不播放。"),
        "no_device": ("There is no loudspeaker to use here: {reason}", "此处没有可用的扬声器：{reason}"),
        "stopped": ("[stopped]", "[已停止]"),
        "nothing": ("Nothing is playing.", "没有正在播放的声音。"),
        "name": ("/switch expects a character's name", "/switch 后面要写角色名"),
        "unknown": (
            "Unknown command: {command}; /help lists them.",
            "未知命令：{command}；/help 列出全部命令。",
        ),
        "slow": ("No answer came within {seconds:g} s.", "{seconds:g} 秒内没有回应。"),
        "bye": ("Goodbye.", "再见。"),
        "help": (
            "/switch NAME   talk with another character\n"
            "/clear         forget the conversation\n"
            "/save [FILE]   save the last reply as WAV; /save on, /save off: each one\n"
            "/play          play replies, or not\n"
            "/stop          stop what is playing\n"
            "/quit, /exit   leave",
            "/switch 角色   与另一个角色聊天\n"
            "/clear         清空对话历史\n"
            "/save [文件]   把最后一段回答存为 WAV；/save on、/save off：每段都存\n"
            "/play          播放或不播放回答\n"
            "/stop          停止正在播放的声音\n"
            "/quit、/exit   离开",
        ),
    }
)
PATIENCE: Final = 120.0
"""Seconds that a turn may say nothing, as the protocol's own clients wait."""
LEAVE: Final = ("/quit", "/exit", "/q")


class Chat:
    """What the three modes share. `hear` runs beside whatever they do."""

    def __init__(self, line: Line, screen: Screen, sound: Sound, lang: Lang, *, character: str) -> None:
        self.line = line
        self.screen = screen
        self.sound = sound
        self.lang: Lang = lang
        self.character = character
        self.replies = came.Replies(interrupts=False)
        self.free = asyncio.Event()
        """Nothing is waited for: no turn runs and every command was answered."""
        self.free.set()
        self.listening = asyncio.Event()
        """In a call: it is the user's turn."""
        self.started = asyncio.Event()
        """A streamed utterance, or a call, was agreed to; or refused, with `refusal` saying why."""
        self.refusal = ""
        self.probing = False
        """Errors are looked at by whoever asked, and not shown."""
        self.understood = 0
        """Utterances so far."""
        self.failed = 0
        """Errors so far."""
        self.farewell = ""
        """Why the server is about to end the connection."""
        self.news = asyncio.Event()
        """Set at every message."""
        self.prompt = self._no_prompt
        self._saving: set[asyncio.Task[None]] = set()

    def _no_prompt(self) -> None: ...

    def say(self, key: str, colour: str = "dim", **values: object) -> None:
        self.screen.line(TEXTS.say(self.lang, key, **values), colour)

    # -- what is said

    async def type(self, text: str) -> None:
        """Say something in writing."""
        self._speaks()
        await self.line.send("message", content=text)

    def _speaks(self) -> None:
        self.free.clear()
        self.replies.spoken()
        self.sound.cut()

    async def record(self, pcm: bytes) -> None:
        """Say a whole recording."""
        import base64

        self._speaks()
        await self.line.send("audio_message", audio_base64=base64.b64encode(pcm).decode())

    async def answered(self) -> bool:
        """Wait for the end of the turn; False, after saying so, if nothing comes for too long."""
        while not self.free.is_set():
            self.news.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.news.wait()
            except TimeoutError:
                self.say("slow", "bad", seconds=PATIENCE)
                self.free.set()
                return False
        return True

    async def command(self, text: str) -> bool:
        """Do what a line beginning with a slash says; True to leave."""
        word, _, rest = text.partition(" ")
        rest = rest.strip()
        match word.lower():
            case "/quit" | "/exit" | "/q":
                return True
            case "/switch" if not rest:
                self.say("name", "bad")
            case "/switch":
                self._speaks()
                await self.line.send("switch_character", character_name=rest)
            case "/clear":
                self.free.clear()
                await self.line.send("clear_history")
            case "/save" if rest in ("on", "off"):
                self.sound.each = rest == "on"
                self.say("each" if self.sound.each else "not_each")
            case "/save":
                await self.save(rest)
            case "/play":
                self.sound.on = not self.sound.on
                if not self.sound.on:
                    self.sound.cut()
                self.say("plays" if self.sound.on else "mute")
            case "/stop":
                self.say("stopped" if self.stop() else "nothing")
            case "/help":
                self.say("help", "")
            case _:
                self.say("unknown", "bad", command=word)
        return False

    def stop(self) -> bool:
        """No more sound of this reply; whether there was or will be any."""
        running = self.replies.running
        self.replies.hush()
        return self.sound.cut() or running

    async def save(self, name: str = "") -> None:
        try:
            saved = await self.sound.save(name)
        except ConfigError as error:
            self.screen.line(str(error), "bad")
            return
        if saved is None:
            self.say("no_sound")
        else:
            self.say("saved", path=saved[0], seconds=saved[1])

    # -- what comes

    async def hear(self) -> None:
        """Take messages until the connection ends: raises Gone."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            receiving = group.create_task(self.line.receive())
            while True:
                due = self.replies.deadline
                wait = None if due is None else max(0.0, due - loop.time())
                await asyncio.wait({receiving}, timeout=wait)
                if receiving.done():
                    message = receiving.result()
                    receiving = group.create_task(self.line.receive())
                    happened = list(self.replies.take(message, loop.time()))
                else:
                    happened = list(self.replies.tick(loop.time()))
                for each in happened:
                    await self._show(each)
                self.news.set()

    async def _show(self, event: came.Happening) -> None:
        screen = self.screen
        match event:
            case came.Begun():
                self.free.clear()
                self.listening.clear()
                self.sound.cut()
                screen.partial(TEXTS.say(self.lang, "thinking"))
            case came.Sounded(pcm=pcm, rate=rate):
                self.sound.play(pcm, rate)
                if self.sound.trouble:
                    self.say("no_device", "bad", reason=self.sound.trouble)
                    self.sound.trouble = ""
            case came.Said():
                self._said(event)
            case came.Heard(text=text, final=False):
                screen.partial(f"{TEXTS.say(self.lang, 'you')} > {text}")
            case came.Heard(text=text):
                self.understood += 1
                self.listening.clear()
                screen.line(f"{TEXTS.say(self.lang, 'you')} > {text}", "you")
            case came.Over(pcm=pcm, rate=rate):
                await self._over(pcm, rate)
            case came.Listening(cut=cut):
                if cut and self.sound.cut():
                    self.say("stopped")
                self.started.set()
                self.listening.set()
            case came.Answer(kind=kind):
                self._answer(kind, event)
            case came.Problem(text=text):
                self.refusal = text
                self.started.set()
                if self.probing:
                    return
                self.failed += 1
                screen.line(TEXTS.say(self.lang, "error", text=text), "bad")
                self._done()
            case came.Replaced(text=text):
                self.farewell = text

    def _said(self, said: came.Said) -> None:
        """A sentence: who, what, and in dim letters the other language and the mood."""
        screen = self.screen
        name = f"{self.character} > "
        # A program that reads the lines wants the name in each.
        lead = name if said.first or not screen.live else " " * width_of(name)
        screen.fresh()
        screen.write(lead, "they")
        screen.write(said.cn)
        if said.emotion:
            screen.write(f"  [{said.emotion}]", "dim")
        screen.write("\n")
        if said.jp != said.cn:
            other = name if not screen.live else " " * width_of(name)
            screen.write(other, "they")
            screen.write(said.jp, "dim")
            screen.write("\n")

    async def _over(self, pcm: bytes, rate: int) -> None:
        self.screen.fresh()
        self.sound.keep(pcm, rate)
        if self.sound.each and pcm:
            await self.save()
        self._done()

    def _done(self) -> None:
        self.free.set()
        self.prompt()

    def _answer(self, kind: str, answer: came.Answer) -> None:
        match kind:
            case "character_switched":
                self.character = str(answer.fields.get("character") or self.character)
                name = str(answer.fields.get("character_display_name") or self.character)
                self.say("switched", name=name)
                self._done()
            case "history_cleared":
                self.say("cleared")
                self._done()
            case "audio_stream_started":
                self.refusal = ""
                self.started.set()
            case _:
                pass
