"""Talk with a model in the terminal; an empty line ends it."""

import asyncio

import aizuchi.compat.bitnp.enable  # noqa: F401

# isort: split
from llm_api import create_bot
from prompts import get_prompt
from tokens import get_token

bot = create_bot(
    api_name="glm",
    token=get_token("glm"),
    model_name="glm-4-flash",
    system_prompt=get_prompt("shumeiniang"),
    max_context_length=11,
)


# Several handlers for one event are called in this order; each may be plain or async.
@bot.on("message_delta")
async def show(data: dict) -> None:
    print(data["content"], end="", flush=True)


@bot.on("done")
def new_line(data: dict) -> None:
    print()


async def main() -> None:
    while line := await asyncio.to_thread(input, "> "):
        bot.append_context(line)
        answer = await bot.respond_to_context()
        bot.append_context(answer, role="assistant")


asyncio.run(main())
