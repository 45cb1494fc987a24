/** The canvas behind the figure on which the rings are drawn. It rests while the page is hidden. */
import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { lessMotion } from "../shared/motion";
import { moodOf, useStage } from "./context";
import { Rings } from "./rings";

export function Halo() {
  const { conversation } = useStage();
  const host = useRef<HTMLCanvasElement>(null);

  useEffect(() => {
    const canvas = host.current;
    const context = canvas?.getContext("2d");
    if (!canvas || !context) return;
    const rings = new Rings();
    let frame = 0;
    let before = 0;
    let width = 0;
    let height = 0;

    /** The canvas is larger than the scene, so that no wave ends at an edge; the rings keep to the scene's middle. */
    const place = () => {
      const scene = canvas.parentElement ?? canvas;
      const free = scene.clientHeight - parseFloat(getComputedStyle(scene).paddingBottom || "0");
      return { x: scene.clientWidth / 2 - canvas.offsetLeft, y: free * 0.5 - canvas.offsetTop, r: Math.max(20, Math.min(scene.clientWidth * 0.36, free * 0.4)) };
    };
    let where = { x: 0, y: 0, r: 1 };
    const measure = () => {
      const ratio = Math.min(devicePixelRatio || 1, 2);
      width = canvas.clientWidth;
      height = canvas.clientHeight;
      canvas.width = Math.max(1, Math.round(width * ratio));
      canvas.height = Math.max(1, Math.round(height * ratio));
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      where = place();
    };
    const draw = (ms: number) => {
      const now = ms / 1000;
      const dt = Math.min(0.1, Math.max(0, now - before));
      before = now;
      const mood = moodOf(conversation);
      const level = mood === "speaking" ? conversation.cues.level() : mood === "listening" ? conversation.cues.userLevel() : 0;
      // The stylesheet fades the colour from mood to mood; here it is only read.
      const colour = getComputedStyle(canvas).color;
      context.clearRect(0, 0, width, height);
      context.strokeStyle = colour;
      context.fillStyle = colour;
      rings.draw(context, where, mood, level, now, dt, lessMotion.value);
    };
    const loop = (ms: number) => {
      draw(ms);
      frame = requestAnimationFrame(loop);
    };
    const resized = new ResizeObserver(() => {
      measure();
      draw(performance.now());
    });
    resized.observe(canvas);
    measure();
    const stop = effect(() => {
      cancelAnimationFrame(frame);
      if (!lessMotion.value) {
        frame = requestAnimationFrame(loop);
        return;
      }
      // Without motion one picture a mood is enough. Reading the mood here draws again when it changes.
      moodOf(conversation);
      frame = requestAnimationFrame(draw);
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
      resized.disconnect();
    };
  }, [conversation]);

  return <canvas ref={host} class="halo" aria-hidden="true" />;
}
