// What reaches the loudspeaker, on the audio clock: loaded into every page before its own scripts.
//
// Whatever a page connects to an AudioContext's destination is connected to a stream as well, whose samples are kept
// in their order. (A worklet would be the natural place. But its script must be a file of the page's own server, and
// a test cannot add one.) Two pulses louder than any sound, at known times, tie the samples to the clock: one at the
// beginning, and one when they are taken, which shows that none was lost.
//
// `__ear.marks` says when, on the same clock, a key was pressed or a button was clicked.
(() => {
  const ear = { ears: [], marks: [] };
  Object.defineProperty(window, "__ear", { value: ear });
  if (typeof MediaStreamTrackProcessor === "undefined") return; // not a secure origin: nothing is measured there

  const PULSE = 2;
  const connect = AudioNode.prototype.connect;
  const disconnect = AudioNode.prototype.disconnect;
  const known = new WeakMap();

  function pulse(one) {
    const { context } = one;
    const at = context.currentTime + 0.25;
    const node = new ConstantSourceNode(context, { offset: PULSE });
    connect.call(node, one.input);
    node.start(at);
    node.stop(at + 0.001);
    one.pulses.push(at);
  }

  async function follow(one) {
    const [track] = one.input.stream.getAudioTracks();
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 6000 }).readable.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      value.close();
      const first = samples.findIndex((each) => each > PULSE * 0.6);
      if (first >= 0 && (one.found.length === 0 || one.size + first - one.found.at(-1) > 200)) {
        one.found.push(one.size + first);
      }
      if (samples.some((each) => Math.abs(each) > 0.003 && each < PULSE * 0.6)) one.loud = one.context.currentTime;
      one.blocks.push(samples);
      one.size += samples.length;
    }
  }

  function listen(context) {
    const input = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    const one = { context, input, blocks: [], size: 0, pulses: [], found: [], loud: -1 };
    known.set(context, one);
    ear.ears.push(one);
    follow(one);
    pulse(one);
    return one;
  }

  const live = (context) => !(context instanceof OfflineAudioContext);

  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode && live(this.context)) {
      connect.call(this, (known.get(this.context) ?? listen(this.context)).input, ...rest.slice(0, 1));
    }
    return connect.call(this, target, ...rest);
  };
  AudioNode.prototype.disconnect = function (...args) {
    const one = args[0] instanceof AudioDestinationNode && known.get(this.context);
    if (one) disconnect.call(this, one.input);
    return disconnect.apply(this, args);
  };

  ear.mark = (what) => ear.marks.push({ what, times: ear.ears.map((one) => one.context.currentTime) });
  const told = (event) => {
    const place = event.target instanceof Element ? event.target.closest("[data-testid]") : null;
    const key = event instanceof KeyboardEvent ? event.key : "";
    ear.mark([event.type, key, place?.getAttribute("data-testid")].filter(Boolean).join(" "));
  };
  for (const type of ["keydown", "pointerdown", "click"]) addEventListener(type, told, { capture: true });

  /** Whether anything was heard in the last 200 ms of its clock. */
  ear.sounding = () => ear.ears.some((one) => one.loud >= 0 && one.context.currentTime - one.loud < 0.2);

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  /** Everything so far: 16-bit samples in base64 and the clock's time of the first one, for each AudioContext. */
  ear.take = () => Promise.all(ear.ears.map(taken));
  async function taken(one) {
    const { sampleRate: rate } = one.context;
    if (one.context.state === "running") {
      pulse(one);
      for (let turn = 0; turn < 250 && one.found.length < one.pulses.length; turn++) await pause(20);
    }
    // On a busy machine the stream may begin after the first pulse.
    const missed = one.pulses.length - one.found.length;
    const places = one.found.map((place, index) => place - one.pulses[index + missed] * rate);
    const pcm = new Int16Array(one.size);
    let at = 0;
    for (const block of one.blocks) {
      for (const value of block) pcm[at++] = Math.max(-1, Math.min(1, value > PULSE * 0.6 ? 0 : value)) * 32767;
    }
    // A pulse rises and falls within a few samples, and whatever sounded there is not of interest.
    for (const place of one.found) pcm.fill(0, Math.max(0, place - 16), place + Math.ceil(rate / 1000) + 16);
    const bytes = new Uint8Array(pcm.buffer);
    let text = "";
    for (let from = 0; from < bytes.length; from += 8192) {
      text += String.fromCharCode(...bytes.subarray(from, from + 8192));
    }
    return { rate, state: one.context.state, places, pcm: btoa(text) };
  }
})();
