"""What a page does: `page_client.py [localhost:8000 [NAME]]` asks a question and shows the events."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect

server = sys.argv[1] if len(sys.argv) > 1 else "localhost:8000"
name = sys.argv[2] if len(sys.argv) > 2 else "shumeiniang"


async def main() -> None:
    async with connect(f"ws://{server}/ws/frontend/{name}") as socket:
        question = {"type": "user_input", "content": "你好，你是谁？"}
        await socket.send(json.dumps({"type": "event", "data": question}))
        async for message in socket:
            event = json.loads(message).get("data")
            if not isinstance(event, dict):
                continue  # the welcome, and the answer to what we sent
            sound = event.pop("media_data", "")
            print(event, f"+ {len(sound)} characters of sound" if sound else "", flush=True)
            if event["type"] == "end_of_response":
                return


asyncio.run(main())
