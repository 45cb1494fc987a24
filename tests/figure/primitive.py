"""A VRM model made of balls and boxes, so that the tests need nobody's model.

    python -m tests.figure.primitive FILE.vrm [0]

Valid glTF 2.0 binary with `VRMC_vrm` (or, for version 0, `VRM`): the required human bones, eyes that look,
a face whose mouth and eyes are morph targets, one picture inside the file.
Sources: the glTF 2.0 specification, the VRM 1.0 and 0.x specifications of vrm-consortium, read 2026-11.
"""

from __future__ import annotations

import json
import math
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

Vertex = tuple[float, float, float]

BONES: dict[str, tuple[str | None, Vertex]] = {
    "hips": (None, (0, 0.9, 0)),
    "spine": ("hips", (0, 0.12, 0)),
    "chest": ("spine", (0, 0.14, 0)),
    "neck": ("chest", (0, 0.22, 0)),
    "head": ("neck", (0, 0.08, 0)),
    "leftEye": ("head", (0.035, 0.08, 0.09)),
    "rightEye": ("head", (-0.035, 0.08, 0.09)),
    "leftUpperArm": ("chest", (0.16, 0.16, 0)),
    "leftLowerArm": ("leftUpperArm", (0.24, 0, 0)),
    "leftHand": ("leftLowerArm", (0.22, 0, 0)),
    "rightUpperArm": ("chest", (-0.16, 0.16, 0)),
    "rightLowerArm": ("rightUpperArm", (-0.24, 0, 0)),
    "rightHand": ("rightLowerArm", (-0.22, 0, 0)),
    "leftUpperLeg": ("hips", (0.09, -0.05, 0)),
    "leftLowerLeg": ("leftUpperLeg", (0, -0.4, 0)),
    "leftFoot": ("leftLowerLeg", (0, -0.4, 0)),
    "rightUpperLeg": ("hips", (-0.09, -0.05, 0)),
    "rightLowerLeg": ("rightUpperLeg", (0, -0.4, 0)),
    "rightFoot": ("rightLowerLeg", (0, -0.4, 0)),
}
"""Name -> parent and place in it, metres; a T-pose that faces +Z with its left hand at +X."""

MORPHS = (
    *("aa", "ih", "ou", "ee", "oh"),
    *("happy", "angry", "sad", "relaxed", "surprised"),
    *("blink", "blinkLeft", "blinkRight"),
)
_OLD_NAMES = {
    "aa": "a", "ih": "i", "ou": "u", "ee": "e", "oh": "o", "happy": "joy", "angry": "angry", "sad": "sorrow",
    "relaxed": "fun", "blink": "blink", "blinkLeft": "blink_l", "blinkRight": "blink_r",
}  # fmt: skip
_WIDTH_HEIGHT = {"aa": (0.9, 5.0), "ih": (1.3, 1.8), "ou": (0.45, 2.2), "ee": (1.25, 2.6), "oh": (0.65, 4.0)}


class Mesh:
    """Triangles with morph targets."""

    def __init__(self) -> None:
        self.points: list[Vertex] = []
        self.normals: list[Vertex] = []
        self.triangles: list[int] = []
        self.morphs: dict[str, list[Vertex]] = {}

    def ball(self, at: Vertex, radius: Vertex, top: float = 0.0, steps: int = 14) -> Mesh:
        """An ellipsoid; `top`: only the upper part, from this height (-1..1) on."""
        first = len(self.points)
        low = math.acos(max(-1.0, min(1.0, top))) if top > -1 and top != 0 else math.pi
        for row in range(steps + 1):
            polar = low * row / steps
            for column in range(steps * 2 + 1):
                around = math.pi * column / steps
                n = (
                    math.sin(polar) * math.cos(around),
                    math.cos(polar),
                    math.sin(polar) * math.sin(around),
                )
                self.points.append(tuple(a + r * k for a, r, k in zip(at, radius, n, strict=True)))  # type: ignore[arg-type]
                self.normals.append(n)
        wide = steps * 2 + 1
        for row in range(steps):
            for column in range(steps * 2):
                a = first + row * wide + column
                self.triangles += [a, a + 1, a + wide, a + 1, a + wide + 1, a + wide]
        return self

    def disc(self, at: Vertex, width: float, height: float, steps: int = 20) -> tuple[int, int]:
        """A flat ellipse that faces +Z; gives the range of its points."""
        first = len(self.points)
        self.points.append(at)
        for step in range(steps):
            turn = 2 * math.pi * step / steps
            self.points.append((at[0] + width * math.cos(turn), at[1] + height * math.sin(turn), at[2]))
        self.normals += [(0.0, 0.0, 1.0)] * (steps + 1)
        for step in range(steps):
            self.triangles += [first, first + 1 + step, first + 1 + (step + 1) % steps]
        return first, first + steps + 1

    def stretch(
        self, name: str, points: tuple[int, int], width: float, height: float, bend: float = 0
    ) -> None:
        """A morph that scales some points round their first, and lifts or lowers their ends."""
        moves = self.morphs.setdefault(name, [(0.0, 0.0, 0.0)] * len(self.points))
        moves += [(0.0, 0.0, 0.0)] * (len(self.points) - len(moves))
        middle = self.points[points[0]]
        for at in range(*points):
            dx, dy = self.points[at][0] - middle[0], self.points[at][1] - middle[1]
            moves[at] = (dx * (width - 1), dy * (height - 1) + bend * (dx / 0.025) ** 2, 0.0)


def _face() -> Mesh:
    face = Mesh()
    mouth = face.disc((0, 0.018, 0.116), 0.025, 0.0035)
    eyes = {side: face.disc((side * 0.04, 0.085, 0.112), 0.016, 0.02) for side in (1, -1)}
    for name, (width, height) in _WIDTH_HEIGHT.items():
        face.stretch(name, mouth, width, height)
    face.stretch("happy", mouth, 1.3, 1.5, bend=0.012)
    face.stretch("sad", mouth, 1.0, 1.0, bend=-0.012)
    face.stretch("angry", mouth, 0.8, 1.0, bend=-0.008)
    face.stretch("relaxed", mouth, 1.1, 1.0, bend=0.006)
    face.stretch("surprised", mouth, 0.6, 4.0)
    for side, eye in eyes.items():
        face.stretch("blink", eye, 1.1, 0.08)
        face.stretch("blinkLeft" if side > 0 else "blinkRight", eye, 1.1, 0.08)
        face.stretch("surprised", eye, 1.2, 1.3)
    return face


def _picture() -> bytes:
    """A PNG of four pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"\x00\x5f\xb7\xb4\x46\x55\x8f" + b"\x00\x46\x55\x8f\x5f\xb7\xb4"
    head = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class Builder:
    """Collects the binary part and the JSON that tells of it."""

    def __init__(self) -> None:
        self.blob = bytearray()
        self.tree: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "aizuchi tests"},
            "scene": 0,
            "bufferViews": [],
            "accessors": [],
            "meshes": [],
            "materials": [],
        }

    def view(self, data: bytes) -> int:
        self.blob += b"\x00" * (-len(self.blob) % 4)
        view = {"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(data)}
        self.tree["bufferViews"].append(view)
        self.blob += data
        return len(self.tree["bufferViews"]) - 1

    def vectors(self, rows: list[Vertex]) -> int:
        data = b"".join(struct.pack("<3f", *row) for row in rows)
        low, high = ([f(row[axis] for row in rows) for axis in range(3)] for f in (min, max))
        told = {"componentType": 5126, "count": len(rows), "type": "VEC3", "min": low, "max": high}
        return self._accessor(told, data)

    def indices(self, rows: list[int]) -> int:
        return self._accessor(
            {"componentType": 5123, "count": len(rows), "type": "SCALAR"},
            struct.pack(f"<{len(rows)}H", *rows),
        )

    def _accessor(self, told: dict[str, Any], data: bytes) -> int:
        self.tree["accessors"].append({"bufferView": self.view(data), **told})
        return len(self.tree["accessors"]) - 1

    def material(self, colour: tuple[float, float, float], **more: Any) -> int:
        surface: dict[str, Any] = {
            "baseColorFactor": [*colour, 1.0],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.9,
        }
        self.tree["materials"].append({"pbrMetallicRoughness": surface | more, "doubleSided": True})
        return len(self.tree["materials"]) - 1

    def mesh(self, mesh: Mesh, material: int) -> int:
        attributes = {"POSITION": self.vectors(mesh.points), "NORMAL": self.vectors(mesh.normals)}
        primitive: dict[str, Any] = {
            "attributes": attributes,
            "indices": self.indices(mesh.triangles),
            "material": material,
        }
        told: dict[str, Any] = {"primitives": [primitive]}
        if mesh.morphs:
            primitive["targets"] = [{"POSITION": self.vectors(mesh.morphs[name])} for name in MORPHS]
            told["weights"] = [0.0] * len(MORPHS)
            told["extras"] = {"targetNames": list(MORPHS)}
        self.tree["meshes"].append(told)
        return len(self.tree["meshes"]) - 1

    def glb(self) -> bytes:
        self.blob += b"\x00" * (-len(self.blob) % 4)
        self.tree["buffers"] = [{"byteLength": len(self.blob)}]
        text = json.dumps(self.tree, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + len(self.blob)
        head = struct.pack("<III", 0x46546C67, 2, length)
        return (
            head + struct.pack("<II", len(text), 0x4E4F534A) + text
            + struct.pack("<II", len(self.blob), 0x004E4942) + bytes(self.blob)
        )  # fmt: skip


def vrm(version: int = 1) -> bytes:
    """The whole file. Version 0 faces -Z, as that version wants it."""
    way = 1 if version else -1

    def turned(mesh: Mesh) -> Mesh:
        flip = lambda p: (p[0] * way, p[1], p[2] * way)  # noqa: E731
        mesh.points = [flip(p) for p in mesh.points]
        mesh.normals = [flip(p) for p in mesh.normals]
        mesh.morphs = {name: [flip(p) for p in moves] for name, moves in mesh.morphs.items()}
        return mesh

    made = Builder()
    picture = made.view(_picture())
    made.tree["images"] = [{"bufferView": picture, "mimeType": "image/png"}]
    made.tree["samplers"] = [{"magFilter": 9728, "minFilter": 9728}]
    made.tree["textures"] = [{"source": 0, "sampler": 0}]
    skin = made.material((1.0, 0.84, 0.74))
    cloth = made.material((0.9, 0.9, 0.95), baseColorTexture={"index": 0})
    hair = made.material((0.22, 0.28, 0.5))
    dark = made.material((0.2, 0.07, 0.1))
    limb = (0.045, 0.12, 0.045)
    meshes: dict[str, list[int]] = {
        "head": [
            made.mesh(turned(Mesh().ball((0, 0.08, 0), (0.11, 0.13, 0.11))), skin),
            made.mesh(turned(Mesh().ball((0, 0.1, -0.018), (0.125, 0.14, 0.122), top=-0.35)), hair),
            made.mesh(turned(_face()), dark),
        ],
        "neck": [made.mesh(turned(Mesh().ball((0, 0.02, 0), (0.045, 0.09, 0.045))), skin)],
        "chest": [made.mesh(turned(Mesh().ball((0, 0.05, 0), (0.17, 0.22, 0.1))), cloth)],
        "hips": [made.mesh(turned(Mesh().ball((0, 0.05, 0), (0.14, 0.2, 0.1))), cloth)],
    }
    for side, sign in (("left", 1), ("right", -1)):
        across = (0.14, 0.045, 0.045)
        for bone in ("UpperArm", "LowerArm"):
            arm = Mesh().ball((sign * 0.12, 0, 0), across)
            meshes[side + bone] = [made.mesh(turned(arm), cloth if bone == "UpperArm" else skin)]
        for bone in ("UpperLeg", "LowerLeg"):
            leg = Mesh().ball((0, -0.2, 0), (limb[0] * 1.4, 0.22, limb[2] * 1.4))
            meshes[side + bone] = [made.mesh(turned(leg), hair)]

    nodes: list[dict[str, Any]] = [
        {"name": name, "translation": [place[0] * way, place[1], place[2] * way]}
        for name, (_, place) in BONES.items()
    ]
    index = {name: at for at, name in enumerate(BONES)}
    for name, (parent, _) in BONES.items():
        if parent:
            nodes[index[parent]].setdefault("children", []).append(index[name])
    face = -1
    for bone, parts in meshes.items():
        for part in parts:
            nodes[index[bone]].setdefault("children", []).append(len(nodes))
            if "targets" in made.tree["meshes"][part]["primitives"][0]:
                face = len(nodes)
            nodes.append({"name": f"{bone}Mesh", "mesh": part})
    made.tree["nodes"] = nodes
    made.tree["scenes"] = [{"nodes": [index["hips"]]}]
    if version:
        _extend_1(made.tree, index, face)
    else:
        _extend_0(made.tree, index, nodes[face]["mesh"])
    return made.glb()


def _extend_1(tree: dict[str, Any], index: dict[str, int], face: int) -> None:
    def look(degrees: float) -> dict[str, float]:
        return {"inputMaxValue": 90.0, "outputScale": degrees}

    tree["extensionsUsed"] = ["VRMC_vrm"]
    tree["extensions"] = {
        "VRMC_vrm": {
            "specVersion": "1.0",
            "meta": {
                "name": "Primitive",
                "authors": ["aizuchi"],
                "licenseUrl": "https://vrm.dev/licenses/1.0/",
            },
            "humanoid": {"humanBones": {name: {"node": at} for name, at in index.items()}},
            "expressions": {
                "preset": {
                    name: {"morphTargetBinds": [{"node": face, "index": at, "weight": 1.0}]}
                    for at, name in enumerate(MORPHS)
                }
            },
            "lookAt": {
                "type": "bone",
                "offsetFromHeadBone": [0, 0.08, 0],
                "rangeMapHorizontalInner": look(12),
                "rangeMapHorizontalOuter": look(12),
                "rangeMapVerticalDown": look(10),
                "rangeMapVerticalUp": look(10),
            },
        }
    }


def _extend_0(tree: dict[str, Any], index: dict[str, int], mesh: int) -> None:
    curve = {"xRange": 90.0, "yRange": 10.0}
    tree["extensionsUsed"] = ["VRM"]
    tree["extensions"] = {
        "VRM": {
            "specVersion": "0.0",
            "exporterVersion": "aizuchi tests",
            "meta": {"title": "Primitive", "author": "aizuchi", "licenseName": "CC0"},
            "humanoid": {"humanBones": [{"bone": name, "node": at} for name, at in index.items()]},
            "firstPerson": {
                "lookAtTypeName": "Bone",
                "lookAtHorizontalInner": curve,
                "lookAtHorizontalOuter": curve,
                "lookAtVerticalDown": curve,
                "lookAtVerticalUp": curve,
            },
            "blendShapeMaster": {
                "blendShapeGroups": [
                    {
                        "name": name,
                        "presetName": _OLD_NAMES[name],
                        "binds": [{"mesh": mesh, "index": at, "weight": 100.0}],
                        "materialValues": [],
                    }
                    for at, name in enumerate(MORPHS)
                    if name in _OLD_NAMES
                ]
            },
            "secondaryAnimation": {"boneGroups": [], "colliderGroups": []},
            "materialProperties": [],
        }
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(vrm(int(sys.argv[2]) if len(sys.argv) > 2 else 1))
