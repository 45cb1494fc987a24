"""What scripts of a bitnp agent project import: tokens, prompts, models, voices, agents, stream nodes.

Each is a module here, and importable by its bare name (`tokens`, `prompts`, `config_types`, `llm_api`,
`tts`, `agent`, `stream_node`) once the folder `path` is on Python's path. One line at the top of a script:

```python
import aizuchi.compat.bitnp.enable
```

or, for scripts that stay as they are, `PYTHONPATH="$(aizuchi bitnp-path)" python script.py`, or
`python -m aizuchi.compat.bitnp script.py`. See docs/bitnp.md.
"""
