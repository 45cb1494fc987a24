"""What a model may call: built-in tools, plain Python functions, and tools that live in a client."""
