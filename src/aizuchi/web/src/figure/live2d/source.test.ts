import { describe, expect, it } from "vitest";
import { manifestOf } from "./source";

const files = { Moc: "a.moc3", Textures: ["t/0.png"] };

describe("a model3.json", () => {
  it("tells files and groups", () => {
    const read = manifestOf({
      FileReferences: { ...files, Expressions: [{ Name: "joy", File: "joy.exp3.json" }, { Name: 4 }] },
      Groups: [{ Target: "Parameter", Name: "LipSync", Ids: ["ParamA"] }, { Name: "EyeBlink", Ids: [] }],
    });
    expect(read).toEqual({
      moc: "a.moc3",
      textures: ["t/0.png"],
      lips: ["ParamA"],
      lids: ["ParamEyeLOpen", "ParamEyeROpen"],
      expressions: [{ name: "joy", file: "joy.exp3.json" }],
    });
  });

  it.each([
    null, {}, [], { FileReferences: { Moc: "a.moc3" } }, { FileReferences: { ...files, Moc: "../a.moc3" } },
    { FileReferences: { ...files, Textures: ["https://x.example/0.png"] } }, { FileReferences: { ...files, Textures: ["/0.png"] } },
  ])("is refused if it names nothing, or anything outside: %j", (tree) => {
    expect(manifestOf(tree)).toBeNull();
  });
});
