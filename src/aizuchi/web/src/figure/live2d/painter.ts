/**
 * Draws the Core's drawables with WebGL: textured triangles in render order, three ways of blending, masks by way
 * of a second picture of the same size that holds what the mask's parts cover.
 */
import { FigureError } from "../figure";
import { t } from "../texts";
import { type CoreModel, FLAG } from "./core";

const VERTEX = `
attribute vec2 place; attribute vec2 uv; uniform vec4 frame; varying vec2 at;
void main() { gl_Position = vec4(place * frame.xy + frame.zw, 0.0, 1.0); at = vec2(uv.x, 1.0 - uv.y); }`;
const FRAGMENT = `
precision mediump float; varying vec2 at; uniform sampler2D picture; uniform sampler2D mask; uniform vec2 size;
uniform float opacity; uniform float masked; uniform vec3 multiply; uniform vec3 screen;
void main() {
  vec4 c = texture2D(picture, at);
  c.rgb *= multiply;
  c.rgb = c.rgb + screen * c.a - c.rgb * screen;
  c *= opacity;
  if (masked != 0.0) {
    float covered = texture2D(mask, gl_FragCoord.xy / size).a;
    c *= masked > 0.0 ? covered : 1.0 - covered;
  }
  gl_FragColor = c;
}`;

export class Painter {
  private readonly gl: WebGLRenderingContext;
  private readonly program: WebGLProgram;
  private readonly places: WebGLBuffer;
  private readonly uvs: WebGLBuffer;
  private readonly indices: WebGLBuffer;
  private readonly textures: WebGLTexture[] = [];
  private readonly mask: WebGLTexture;
  private readonly frame: WebGLFramebuffer;
  private readonly uniform: Record<string, WebGLUniformLocation | null>;
  private order: number[] = [];

  constructor(canvas: HTMLCanvasElement) {
    const gl = canvas.getContext("webgl", { alpha: true, premultipliedAlpha: true, antialias: true });
    if (!gl) throw new FigureError(t("webgl"));
    this.gl = gl;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new FigureError(t("failed", { why: gl.getProgramInfoLog(program) ?? "WebGL" }));
    gl.useProgram(program);
    this.program = program;
    this.uniform = Object.fromEntries(
      ["frame", "picture", "mask", "size", "opacity", "masked", "multiply", "screen"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    this.places = gl.createBuffer();
    this.uvs = gl.createBuffer();
    this.indices = gl.createBuffer();
    this.mask = gl.createTexture();
    this.frame = gl.createFramebuffer();
    gl.enable(gl.BLEND);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, 1);
    gl.uniform1i(this.uniform.picture!, 0);
    gl.uniform1i(this.uniform.mask!, 1);
  }

  texture(picture: TexImageSource): void {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    this.smooth();
    this.textures.push(texture);
  }

  fit(width: number, height: number): void {
    const { gl } = this;
    [gl.canvas.width, gl.canvas.height] = [Math.max(1, width), Math.max(1, height)];
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.mask);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.canvas.width, gl.canvas.height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    this.smooth();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.mask, 0);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  private smooth(): void {
    const { gl } = this;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  /** Draws the model; `scaleX`, `scaleY`, `x`, `y` take its units to the picture's -1..1. */
  draw(model: CoreModel, scaleX: number, scaleY: number, x: number, y: number): void {
    const { gl, uniform } = this;
    const { drawables } = model;
    const { width, height } = gl.canvas;
    gl.viewport(0, 0, width, height);
    gl.uniform4f(uniform.frame!, scaleX, scaleY, x, y);
    gl.uniform2f(uniform.size!, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const ranks = model.getRenderOrders?.() ?? drawables.renderOrders;
    if (this.order.length !== drawables.count) this.order = Array.from({ length: drawables.count }, (_, at) => at);
    if (ranks) this.order.sort((a, b) => ranks[a]! - ranks[b]!);
    let covered = "";
    for (const at of this.order) {
      if (!(drawables.dynamicFlags[at]! & FLAG.visible) || drawables.opacities[at]! <= 0) continue;
      const masks = drawables.maskCounts[at]! > 0 ? drawables.masks[at]! : null;
      if (masks) {
        // Neighbours mostly share a mask: it is drawn once for them.
        const key = masks.join();
        if (key !== covered) this.cover(model, masks);
        covered = key;
      }
      const flags = drawables.constantFlags[at]!;
      if (flags & FLAG.additive) gl.blendFuncSeparate(gl.ONE, gl.ONE, gl.ZERO, gl.ONE);
      else if (flags & FLAG.multiply) gl.blendFuncSeparate(gl.DST_COLOR, gl.ONE_MINUS_SRC_ALPHA, gl.ZERO, gl.ONE);
      else gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      gl.activeTexture(gl.TEXTURE1);
      gl.bindTexture(gl.TEXTURE_2D, this.mask);
      this.part(model, at, drawables.opacities[at]!, masks ? (flags & FLAG.inverted ? -1 : 1) : 0);
    }
  }

  private cover(model: CoreModel, masks: Int32Array): void {
    const { gl } = this;
    // A picture is not read while it is written.
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, null);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    for (const at of masks) if (at >= 0) this.part(model, at, 1, 0);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  private part(model: CoreModel, at: number, opacity: number, masked: number): void {
    const { gl, uniform, program } = this;
    const { drawables } = model;
    const indices = drawables.indices[at]!;
    const texture = this.textures[drawables.textureIndices[at]!];
    if (indices.length === 0 || !texture) return;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.uniform1f(uniform.opacity!, opacity);
    gl.uniform1f(uniform.masked!, masked);
    const { multiplyColors: m, screenColors: s } = drawables;
    gl.uniform3f(uniform.multiply!, m?.[at * 4] ?? 1, m?.[at * 4 + 1] ?? 1, m?.[at * 4 + 2] ?? 1);
    gl.uniform3f(uniform.screen!, s?.[at * 4] ?? 0, s?.[at * 4 + 1] ?? 0, s?.[at * 4 + 2] ?? 0);
    for (const [name, buffer, rows] of [["place", this.places, drawables.vertexPositions[at]!], ["uv", this.uvs, drawables.vertexUvs[at]!]] as const) {
      const where = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, rows, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(where);
      gl.vertexAttribPointer(where, 2, gl.FLOAT, false, 0, 0);
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.indices);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.DYNAMIC_DRAW);
    gl.drawElements(gl.TRIANGLES, indices.length, gl.UNSIGNED_SHORT, 0);
  }

  dispose(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
