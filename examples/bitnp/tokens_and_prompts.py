"""Keys by name from tokens/tokens.json or the environment; prompts by name from prompts/NAME.txt."""

import aizuchi.compat.bitnp.enable  # noqa: F401

# isort: split
from prompts import AVAILABLE_PROMPTS, get_prompt
from tokens import get_token

for name in ("glm", "dashscope"):
    print(name, "has a key" if get_token(name) else "has no key")
print("prompts:", ", ".join(AVAILABLE_PROMPTS))
print(get_prompt("shumeiniang"))
